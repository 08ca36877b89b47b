import { UserError } from "../../config/errors.ts";
import { download } from "../../files/download.ts";
import { filesVolume } from "../../files/job.ts";
import { SWEEPS, storeName } from "../../files/paths.ts";
import { planHere } from "../../files/plan-here.ts";
import { files, size } from "../../files/size.ts";
import { BAD_INPUT } from "../exit-code.ts";
import { contextOf } from "../sweep/context.ts";
import { keepBefore } from "../sweep/kept.ts";
import { expectAll, folderOf, read, withFiles } from "./context.ts";

export interface DownloadCommand {
  readonly into?: string;
  readonly filter?: string;
  readonly overwrite?: boolean;
  readonly json?: boolean;
}

/** Gets a store, or what a sweep has left. */
export async function downloadFrom(
  store: string,
  { into = store, filter, overwrite = false, json = false }: DownloadCommand,
): Promise<void> {
  const context = await contextOf();
  expectAll([
    () => read("the store", store, storeName),
    () => filesVolume(context.config, "homelab files"),
  ]);
  const done = await withFiles(context, async (server) => {
    const from = await folderOf(server, store);
    if (from.startsWith(`${SWEEPS}/`)) await keepBefore(context, server, store);
    const plan = await planHere(server, from, { into, filter, overwrite });
    if (plan.problems.length > 0) throw new UserError(plan.problems, BAD_INPUT);
    for (const notice of plan.notices) console.error(notice);
    await download(server, from, into, plan);
    return plan;
  });
  const got = done.files.length + done.links.length;
  const bytes = done.files.reduce((sum, entry) => sum + entry.size, 0);
  const result = { store, into, got, bytes, found: done.found };
  if (json) return console.log(JSON.stringify(result, undefined, 2));
  console.log(`${store}: ${files(got)} of ${done.found} (${size(bytes)}) to ${into}`);
}
