/** What the tasks of a sweep have left comes here. */
import { download } from "../files/download.ts";
import type { FileServer } from "../files/file-server.ts";
import { sweepFolder } from "../files/paths.ts";
import { planDownload } from "../files/plan.ts";
import { type LocalEntry, look } from "../files/scan.ts";
import { isSame, type TreeEntry } from "../files/tree.ts";
import { OUTPUT, TASKS } from "./outputs.ts";

/** A file that a task has left. */
export interface Output {
  /** Number of the task. */
  readonly task: number;
  /** In its working folder. */
  readonly path: string;
  readonly entry: TreeEntry;
}

/** Where it is to come to. */
export interface Back {
  /** A folder of each task's in here. */
  readonly download?: string;
  /** Else what was sent from here, and comes back. */
  readonly sync?: { readonly directory: string; readonly entries: readonly LocalEntry[] };
}

export interface Brought {
  readonly into: string;
  readonly files: number;
  readonly notices: readonly string[];
  /** What could not be brought, one line each. */
  readonly problems: readonly string[];
}

/** Brings it. What is here and is another is never written over, but for what was sent from here. @throws UserError */
export async function bringBack(
  server: FileServer,
  sweep: string,
  { download: into, sync }: Back,
): Promise<Brought | undefined> {
  const directory = into ?? sync?.directory;
  if (directory === undefined) return undefined;
  const from = `${sweepFolder(sweep)}/${TASKS}`;
  const outputs = outputsOf((await server.tree(from)) ?? []);
  const here = await lookAt(directory, outputs);
  const { back, apart, notices } =
    into === undefined
      ? comeBack(outputs, sync?.entries ?? [], here)
      : { back: [], apart: outputs.map(inFolderOfTask), notices: [] };
  const found = [...here.values()];
  const over = planDownload(back, found, { overwrite: true, into: directory });
  const beside = planDownload(apart, found, { overwrite: false, into: directory });
  for (const plan of [over, beside]) await download(server, from, directory, plan);
  const all = [over, beside];
  return {
    into: directory,
    files: all.reduce((sum, { files, links }) => sum + files.length + links.length, 0),
    notices: [...notices, ...all.flatMap((plan) => plan.notices)],
    problems: all.flatMap((plan) => plan.problems),
  };
}

/** The files of the tasks, of all that is in the folder that holds them. */
export function outputsOf(tree: readonly TreeEntry[]): Output[] {
  const form = new RegExp(`^(\\d+)/${OUTPUT}/(.+)$`);
  return tree
    .filter(({ type }) => type !== "directory")
    .flatMap((entry) => {
      const [, task, path] = form.exec(entry.path) ?? [];
      return path === undefined ? [] : [{ task: Number(task), path, entry }];
    })
    .sort((a, b) => a.task - b.task || (a.path < b.path ? -1 : 1));
}

/**
 * What comes back into the folder that was sent, and what has to lie beside it: files that several
 * tasks made, or that are another here than what was sent.
 *
 * @param sent what the tasks got
 * @param here what is in the folder now
 */
export function comeBack(
  outputs: readonly Output[],
  sent: readonly TreeEntry[],
  here: ReadonlyMap<string, TreeEntry>,
): { back: TreeEntry[]; apart: TreeEntry[]; notices: string[] } {
  const known = new Map(sent.map((entry) => [entry.path, entry]));
  const made = new Map<string, number>();
  for (const { path } of outputs) made.set(path, (made.get(path) ?? 0) + 1);
  const isMadeTwice = ({ path }: Output) => (made.get(path) ?? 0) > 1;
  const isOthers = ({ path, entry }: Output) => {
    const found = here.get(path);
    if (!found || isSame(found, entry)) return false;
    const before = known.get(path);
    return !before || !isSame(before, found);
  };
  const twice = outputs.filter(isMadeTwice);
  const others = outputs.filter((each) => !isMadeTwice(each) && isOthers(each));
  const apart = new Set([...twice, ...others]);
  return {
    back: outputs
      .filter((each) => !apart.has(each))
      .map(({ path, entry }) => ({ ...entry, path, source: entry.path })),
    apart: [...apart].map(inFolderOfTask),
    notices: [...told(twice, "several tasks made"), ...told(others, "here is another")],
  };
}

function told(outputs: readonly Output[], why: string): string[] {
  const [first, ...others] = new Set(outputs.map(({ path }) => path));
  if (first === undefined) return [];
  const more = others.length > 0 ? ` and ${others.length} more` : "";
  return [`${why} ${first}${more}; each task's is in a folder of its number`];
}

function inFolderOfTask({ task, path, entry }: Output): TreeEntry {
  return { ...entry, path: `${task}/${path}`, source: entry.path };
}

async function lookAt(
  directory: string,
  outputs: readonly Output[],
): Promise<Map<string, LocalEntry>> {
  const paths = outputs.flatMap(({ task, path }) => [path, `${task}/${path}`]);
  const found = new Map<string, LocalEntry>();
  for (const path of new Set(paths)) {
    const entry = await look(directory, path).catch(() => undefined);
    if (entry) found.set(path, entry);
  }
  return found;
}
