/** Files of the volume come down, each beside its place, and get their names when they are complete. */
import { randomBytes } from "node:crypto";
import type { Stats } from "node:fs";
import {
  type FileHandle,
  lstat,
  mkdir,
  open,
  realpath,
  rename,
  rm,
  symlink,
} from "node:fs/promises";
import { dirname, join } from "node:path";
import { UserError } from "../config/errors.ts";
import { reason } from "../config/reason.ts";
import type { FileServer } from "./file-server.ts";
import { DOWNLOADING } from "./paths.ts";
import type { DownloadPlan } from "./plan.ts";
import { together } from "./together.ts";
import type { TreeEntry } from "./tree.ts";
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
  const root = await realpath(into);
  for (const { path } of folders) await makeFolder(root, path);
  if (files.length > 0) await getFiles(server, from, root, files);
  for (const { path, link = "" } of links) await makeLink(root, path, link);
}

async function getFiles(
  server: FileServer,
  from: string,
  root: string,
  files: readonly TreeEntry[],
): Promise<void> {
  const wanted = new Map(files.map((entry) => [entry.source ?? entry.path, entry]));
  const made = new Set<string>();
  const body = await server.get(from, [...wanted.keys()]);
  try {
    await untar(body, async (member) => {
      const { name } = member.header;
      const known = wanted.get(name);
      if (!known) throw new UserError([`the file server sent ${name}, unasked`]);
      wanted.delete(name);
      await write(root, known, member, made);
    });
  } catch (error) {
    throw isOurs(error) ? writeFailure(error) : server.broken(error);
  }
  if (wanted.size > 0)
    throw new UserError(
      [...wanted.keys()]
        .slice(0, 5)
        .map((path) => `${path}: is gone from ${from} since; run it again`),
    );
}

async function write(
  root: string,
  { path, size }: TreeEntry,
  member: Member,
  made: Set<string>,
): Promise<void> {
  const folder = dirname(path);
  if (!made.has(folder)) await makeFolder(root, folder);
  made.add(folder);
  const target = join(root, path);
  const beside = join(dirname(target), DOWNLOADING + randomBytes(8).toString("hex"));
  const { mode = 0o644, mtime, size: sent = size } = member.header;
  const file = await open(beside, "wx", 0o600);
  try {
    await fill(file, member as AsyncIterable<Buffer>);
    const { size: length } = await file.stat();
    if (length !== sent) throw new Error(`${path}: ${length} of ${sent} bytes came`);
    await file.chmod(mode & 0o777);
    const at = secondsOf(member, mtime);
    await file.utimes(at, at);
    await file.close();
    await rename(beside, target);
  } catch (error) {
    await file.close().catch(() => {});
    await rm(beside, { force: true });
    throw error;
  }
}

/** Writes each piece while the next one comes. */
async function fill(file: FileHandle, pieces: AsyncIterable<Buffer>): Promise<void> {
  let writing = Promise.resolve();
  for await (const piece of together(pieces)) {
    await writing;
    writing = file.writeFile(piece);
    // Its failure is seen where it is waited for.
    writing.catch(() => {});
  }
  await writing;
}

function secondsOf({ header }: Member, mtime = new Date(0)): number {
  const { pax } = header as { pax?: { mtime?: string } };
  return pax?.mtime ? Number(pax.mtime) : mtime.getTime() / 1000;
}

/** Makes a folder below another, and follows no link on the way. */
async function makeFolder(root: string, path: string): Promise<void> {
  let at = root;
  for (const part of path.split("/").filter((each) => each !== ".")) {
    at = join(at, part);
    const found = await lstat(at).catch((): Stats | undefined => undefined);
    if (found && !found.isDirectory())
      throw new UserError([`${at}: found a file or a link, expected a folder or nothing`]);
    if (!found) await mkdir(at);
  }
}

async function makeLink(root: string, path: string, link: string): Promise<void> {
  await makeFolder(root, dirname(path));
  const beside = join(root, dirname(path), DOWNLOADING + randomBytes(8).toString("hex"));
  await symlink(link, beside);
  await rename(beside, join(root, path));
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
