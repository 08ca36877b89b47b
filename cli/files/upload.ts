import { UserError } from "../../config/errors.ts";
import { statHere } from "../../config/stat-here.ts";
import { filesVolume } from "../../files/job.ts";
import { storeName } from "../../files/paths.ts";
import { scan } from "../../files/scan.ts";
import { files, size } from "../../files/size.ts";
import { upload } from "../../files/upload.ts";
import { BAD_INPUT } from "../exit-code.ts";
import { contextOf } from "../sweep/context.ts";
import { expectAll, expectNotOfSweep, read, withFiles } from "./context.ts";

export interface UploadOptions {
  readonly store: string;
  readonly json?: boolean;
}

/** Sends what of a folder a store has not. */
export async function uploadTo(
  directory: string,
  { store, json = false }: UploadOptions,
): Promise<void> {
  const context = await contextOf();
  expectAll([
    () => expectFolder(directory),
    () => read("--store", store, storeName),
    () => filesVolume(context.config, "homelab files"),
  ]);
  const { entries, problems } = await scan(directory);
  if (problems.length > 0) throw new UserError(problems, BAD_INPUT);
  const done = await withFiles(context, async (server) => {
    await expectNotOfSweep(server, store);
    return upload(server, directory, entries, store);
  });
  if (json) return console.log(JSON.stringify({ store, ...done }, undefined, 2));
  console.log(
    `${store}: ${files(done.sent)} sent (${size(done.bytes)}), ${done.same} there already`,
  );
}

/** @throws UserError where it is no folder */
export function expectFolder(directory: string): void {
  if (statHere(directory)?.isDirectory()) return;
  throw new UserError([`${directory}: expected a folder that is there`], BAD_INPUT);
}
