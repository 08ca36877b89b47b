/** Files here as a tar. */
import { once } from "node:events";
import { createReadStream } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Header, type Pack, pack } from "tar-stream";
import { UserError } from "../config/errors.ts";
import { reason } from "../config/reason.ts";
import { type LocalEntry, look } from "./scan.ts";
import { together } from "./together.ts";

const PIECE = 1 << 20;
/** Files up to this many bytes are read as a whole. */
const SMALL = 1 << 16;

/** A tar that is made while it is read. */
export interface Tar {
  readonly pieces: AsyncIterable<Buffer>;
  /** Files that were changed while they were read, one line each. */
  readonly changed: readonly string[];
  /** Why it could not be made; undefined where it could. */
  failure(): UserError | undefined;
  /** Ends it, wherever it is. */
  close(): Promise<void>;
}

/** Time in seconds as tar has it, exact. */
function seconds(nanoseconds: bigint): string {
  const rest = ((nanoseconds % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n;
  const whole = (nanoseconds - rest) / 1_000_000_000n;
  // Before 1970 the fraction would count the other way.
  if (whole < 0n) return String(whole);
  return `${whole}.${String(rest).padStart(9, "0")}`;
}

/** @param directory that the entries are in */
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
    const file = join(directory, entry.path);
    await add(tar, entry, file);
    if (entry.type !== "file") continue;
    const now = await look(directory, entry.path).catch(() => undefined);
    if (now?.mtimeNs !== entry.mtimeNs || now.size !== entry.size)
      changed.push(`${file}: was changed while it was sent; run it again`);
  }
  tar.finalize();
}

async function add(tar: Pack, entry: LocalEntry, file: string): Promise<void> {
  const { path: name, mode, size, type, link: linkname } = entry;
  const header = { name, mode, pax: { mtime: seconds(entry.mtimeNs) } };
  if (type === "directory") return void tar.entry({ ...header, type });
  if (type === "link") return void tar.entry({ ...header, type: "symlink", linkname });
  const unreadable = (error: unknown) => {
    throw new UserError([`${file}: ${reason(error)}; run it again`]);
  };
  if (size > SMALL) {
    const content = createReadStream(file, { end: size - 1, highWaterMark: PIECE });
    return addLarge(tar, { ...header, size }, content, unreadable);
  }
  const content = await readFile(file).catch(unreadable);
  // It has the size that was said of it; one that has grown is sent again.
  const whole = Buffer.alloc(size);
  content?.copy(whole);
  await new Promise<void>((resolve, reject) => {
    tar.entry({ ...header, size }, whole, (error) => (error ? reject(error) : resolve()));
  });
}

async function addLarge(
  tar: Pack,
  header: Pick<Header, "name" | "size">,
  content: AsyncIterable<Buffer>,
  unreadable: (error: unknown) => void,
): Promise<void> {
  let taken: (error?: Error | null) => void = () => {};
  const done = new Promise<void>((resolve, reject) => {
    taken = (error) => (error ? reject(error) : resolve());
  });
  // Its failure is seen where it is waited for.
  done.catch(() => {});
  const sink = tar.entry(header, taken);
  let left = header.size;
  try {
    for await (const piece of content) {
      left -= piece.length;
      if (!sink.write(piece)) await Promise.race([once(sink, "drain"), done]);
    }
  } catch (error) {
    if (!tar.destroyed) unreadable(error);
    throw error;
  }
  if (left > 0) unreadable(new Error("it became shorter while it was sent"));
  sink.end(null);
  await done;
}
