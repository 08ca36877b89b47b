/** Files of the volume come down: small ones together, large ones each by itself. */
import { writeSync } from "node:fs";
import { type FileHandle, mkdir, realpath } from "node:fs/promises";
import { UserError } from "../config/errors.ts";
import { reason } from "../config/reason.ts";
import type { FileServer } from "./file-server.ts";
import { Places } from "./places.ts";
import type { DownloadPlan } from "./plan.ts";
import { together } from "./together.ts";
import { isLarge, type TreeEntry } from "./tree.ts";
import { type Member, untar } from "./untar.ts";

/**
 * Gets what is planned. Only files that were asked for are taken, and each is written within the
 * folder, whatever the server says: no link there is followed.
 *
 * @param from folder on the volume
 * @param into folder here; made where it is missing
 * @throws UserError; what is complete by then stays, and is not got again
 */
export async function download(
  server: FileServer,
  from: string,
  into: string,
  { files, links, folders }: DownloadPlan,
): Promise<void> {
  await mkdir(into, { recursive: true });
  const places = new Places(await realpath(into));
  for (const { path } of folders) await places.folder(path);
  const small = files.filter((entry) => !isLarge(entry));
  const large = files.filter(isLarge);
  try {
    const gone = small.length > 0 ? await getTogether(server, from, places, small) : [];
    for (const entry of large)
      if (!(await getOne(server, from, places, entry))) gone.push(sourceOf(entry));
    if (gone.length > 0)
      throw new UserError(
        gone.slice(0, 5).map((path) => `${path}: is gone from ${from} since; run it again`),
      );
  } catch (error) {
    throw isOurs(error) ? writeFailure(error) : server.broken(error);
  }
  for (const { path, link = "" } of links) await places.link(path, link);
}

/** As one tar. @returns those that are not there any more */
async function getTogether(
  server: FileServer,
  from: string,
  places: Places,
  files: readonly TreeEntry[],
): Promise<string[]> {
  const wanted = new Map(files.map((entry) => [sourceOf(entry), entry.path]));
  const body = await server.get(from, [...wanted.keys()]);
  await untar(body, async (member) => {
    const { name, size = 0, mode = 0o644 } = member.header;
    const path = wanted.get(name);
    if (path === undefined) throw new UserError([`the file server sent ${name}, unasked`]);
    wanted.delete(name);
    await places.file(path, async (file) => {
      await write(file, member as AsyncIterable<Buffer>);
      return { size, mode, mtime: secondsOf(member) };
    });
  });
  return [...wanted.keys()];
}

/** @returns whether it is there still */
function getOne(
  server: FileServer,
  from: string,
  places: Places,
  entry: TreeEntry,
): Promise<boolean> {
  return places.file(entry.path, (file) =>
    server.getFile(`${from}/${sourceOf(entry)}`, (piece) => writeNow(file.fd, piece)),
  );
}

const sourceOf = ({ source, path }: TreeEntry) => source ?? path;

/** Writes each piece while the next one comes. */
async function write(file: FileHandle, pieces: AsyncIterable<Buffer>): Promise<void> {
  let writing = Promise.resolve();
  for await (const piece of together(pieces)) {
    await writing;
    writing = file.writeFile(piece);
    // Its failure is seen where it is waited for.
    writing.catch(() => {});
  }
  await writing;
}

/** A thread for it would cost as much as the write does. */
function writeNow(file: number, piece: Buffer): void {
  for (let at = 0; at < piece.length; ) at += writeSync(file, piece, at);
}

function secondsOf({ header }: Member): number {
  const { mtime, pax } = header as { mtime?: Date; pax?: { mtime?: string } };
  return pax?.mtime ? Number(pax.mtime) : (mtime?.getTime() ?? 0) / 1000;
}

/** Of the file system here, in place of the connection. */
function isOurs(error: unknown): boolean {
  if (error instanceof UserError) return true;
  const { syscall, path } = error as NodeJS.ErrnoException;
  return (
    path !== undefined || ["write", "open", "rename", "fchmod", "futime"].includes(syscall ?? "")
  );
}

function writeFailure(error: unknown): UserError {
  if (error instanceof UserError) return error;
  const { path, code } = error as NodeJS.ErrnoException;
  const what = code === "ENOSPC" || code === "EDQUOT" ? "the disk here is full" : reason(error);
  return new UserError([`${path ?? "a file"}: ${what}; what is complete stays; run it again`]);
}
