/** Small files here as a tar. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Pack, pack } from "tar-stream";
import { UserError } from "../config/errors.ts";
import { reason } from "../config/reason.ts";
import { isChanged, type LocalEntry } from "./scan.ts";
import { together } from "./together.ts";

const PIECE = 1 << 20;

/** A tar that is made while it is read. */
export interface Tar {
  readonly pieces: AsyncIterable<Buffer>;
  /** Paths of files that were changed while they were read. */
  readonly changed: readonly string[];
  /** Why it could not be made; undefined where it could. */
  failure(): UserError | undefined;
  /** Ends it, wherever it is. */
  close(): Promise<void>;
}

/** Time in seconds as tar has it, exact. */
export function seconds(nanoseconds: bigint): string {
  const rest = ((nanoseconds % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n;
  const whole = (nanoseconds - rest) / 1_000_000_000n;
  // Before 1970 the fraction would count the other way.
  if (whole < 0n) return String(whole);
  return `${whole}.${String(rest).padStart(9, "0")}`;
}

/**
 * @param directory that the entries are in
 * @param entries each of which is read as a whole
 */
export function tarOf(directory: string, entries: readonly LocalEntry[]): Tar {
  const tar = pack({ highWaterMark: PIECE });
  const changed: string[] = [];
  let failure: UserError | undefined;
  // Whoever reads it is told.
  tar.on("error", () => {});
  const packing = fill(tar, directory, entries, changed).catch((error) => {
    if (error instanceof UserError) failure = error;
    tar.destroy(error);
  });
  return {
    pieces: together(tar as AsyncIterable<Buffer>),
    changed,
    failure: () => failure,
    async close() {
      tar.destroy(null);
      await packing;
    },
  };
}

async function fill(
  tar: Pack,
  directory: string,
  entries: readonly LocalEntry[],
  changed: string[],
): Promise<void> {
  for (const entry of entries) {
    await add(tar, entry, join(directory, entry.path));
    if (entry.type !== "file") continue;
    if (await isChanged(directory, entry)) changed.push(entry.path);
  }
  tar.finalize();
}

async function add(tar: Pack, entry: LocalEntry, file: string): Promise<void> {
  const { path: name, mode, size, type, link: linkname } = entry;
  const header = { name, mode, pax: { mtime: seconds(entry.mtimeNs) } };
  if (type === "directory") return void tar.entry({ ...header, type });
  if (type === "link") return void tar.entry({ ...header, type: "symlink", linkname });
  const content = await readFile(file).catch((error) => {
    throw new UserError([`${file}: ${reason(error)}; run it again`]);
  });
  // It has the size that was said of it; one that has another now is sent again.
  const whole = content.length === size ? content : Buffer.concat([content], size);
  await new Promise<void>((resolve, reject) => {
    tar.entry({ ...header, size }, whole, (error) => (error ? reject(error) : resolve()));
  });
}
