/** What of a folder here is to go up. */
import { lstat, readdir, readlink } from "node:fs/promises";
import { join } from "node:path";
import { reason } from "../config/reason.ts";
import { show } from "../config/show.ts";
import { isIgnored, type Rules, rulesAbove, rulesOf } from "./ignore-rules.ts";
import { DOWNLOADING, leadsOut, UPLOADING } from "./paths.ts";
import type { TreeEntry } from "./tree.ts";

/** An entry here, with its time to the nanosecond. */
export interface LocalEntry extends TreeEntry {
  readonly mtimeNs: bigint;
}

export interface Scan {
  readonly entries: readonly LocalEntry[];
  /** What can't go up, one line each. */
  readonly problems: readonly string[];
}

export interface ScanOptions {
  /** Whether rules of the repository that the folder is in count as well. @default false */
  readonly inRepository?: boolean;
}

/**
 * All below a folder but what its .gitignore and .homelabignore files name, in the order of names.
 * `.git` never goes up, nor what a download that was killed has left.
 *
 * @param directory as the user named it
 */
export async function scan(
  directory: string,
  { inRepository = false }: ScanOptions = {},
): Promise<Scan> {
  const entries: LocalEntry[] = [];
  const problems: string[] = [];
  const above = inRepository ? await rulesAbove(directory) : [];
  await scanFolder(directory, "", above, entries, problems);
  return { entries, problems };
}

async function scanFolder(
  directory: string,
  folder: string,
  above: readonly Rules[],
  entries: LocalEntry[],
  problems: string[],
): Promise<void> {
  const at = join(directory, folder);
  const refuse = (path: string, problem: string) =>
    problems.push(`${join(directory, path)}: ${problem}`);
  const found = await readdir(at).catch((error) => {
    refuse(folder, reason(error));
    return [];
  });
  const rules = [...above, ...(await rulesOf(at, folder, found))];
  for (const name of found.sort()) {
    if (name === ".git" || name.startsWith(UPLOADING) || name.startsWith(DOWNLOADING)) continue;
    const path = folder + name;
    const entry = await look(directory, path).catch((error) => void refuse(path, reason(error)));
    if (!entry) continue;
    const isFolder = entry.type === "directory";
    if (isIgnored(isFolder ? `${path}/` : path, rules)) continue;
    if (entry.type === "other")
      refuse(path, "expected a file, a folder or a link; name it in .homelabignore");
    else if (entry.link !== undefined && leadsOut(path, entry.link))
      refuse(
        path,
        `a link that leads out, to ${show(entry.link)}; expected one that stays within; name it in .homelabignore`,
      );
    else entries.push(entry);
    if (isFolder) await scanFolder(directory, `${path}/`, rules, entries, problems);
  }
}

/** One entry of a folder here, by its path below it. */
export async function look(directory: string, path: string): Promise<LocalEntry> {
  const at = join(directory, path);
  const found = await lstat(at, { bigint: true });
  const type = found.isFile()
    ? "file"
    : found.isDirectory()
      ? "directory"
      : found.isSymbolicLink()
        ? "link"
        : "other";
  return {
    path,
    type,
    size: Number(found.size),
    mtimeMs: Number(found.mtimeNs / 1_000_000n),
    mtimeNs: found.mtimeNs,
    mode: Number(found.mode & 0o777n),
    ...(type === "link" ? { link: await readlink(at) } : {}),
  };
}

/** Whether a file is another than when it was found, or gone. */
export async function isChanged(directory: string, entry: LocalEntry): Promise<boolean> {
  const now = await look(directory, entry.path).catch(() => undefined);
  return now?.mtimeNs !== entry.mtimeNs || now.size !== entry.size;
}
