/** What the tasks of a sweep have left comes here. */
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { UserError } from "../config/errors.ts";
import { download } from "../files/download.ts";
import type { FileServer } from "../files/file-server.ts";
import { sweepFolder } from "../files/paths.ts";
import { type DownloadPlan, planDownload } from "../files/plan.ts";
import { type LocalEntry, look } from "../files/scan.ts";
import { isSame, type TreeEntry } from "../files/tree.ts";
import { quoteShell } from "../templates/quote-shell.ts";
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
}

/** Where files are to come to in a folder here. */
interface Layout {
  /** In the place of what was sent. */
  readonly back: readonly TreeEntry[];
  /** In the place of nothing. */
  readonly apart: readonly TreeEntry[];
}

/**
 * Brings it. What is here and is another is never written over, but for what was sent from here: where
 * one file would meet such a thing, all come to a folder of the sweep's name.
 *
 * @throws UserError where that has another of them, too
 */
export async function bringBack(
  server: FileServer,
  sweep: string,
  { download: into, sync }: Back,
): Promise<Brought | undefined> {
  const directory = into ?? sync?.directory;
  if (directory === undefined) return undefined;
  const from = `${sweepFolder(sweep)}/${TASKS}`;
  const outputs = outputsOf((await server.tree(from)) ?? []);
  const { notices, ...layout } =
    into === undefined
      ? comeBack(outputs, sync?.entries ?? [], await lookAt(directory, pathsOf(outputs)))
      : { back: [], apart: outputs.map(inFolderOfTask), notices: [] };
  const place = await placeFor(directory, sweep, layout);
  for (const plan of place.plans) await download(server, from, directory, plan);
  return {
    into: place.into,
    files: place.plans.reduce((sum, { files, links }) => sum + files.length + links.length, 0),
    notices: [...place.notices, ...notices, ...place.plans.flatMap((plan) => plan.notices)],
  };
}

interface Place {
  readonly into: string;
  readonly plans: readonly DownloadPlan[];
  readonly notices: readonly string[];
}

/** The folder or, where one of the files can't come to it, the sweep's own in it. @throws UserError */
async function placeFor(directory: string, sweep: string, layout: Layout): Promise<Place> {
  const plans = await plansOf(directory, layout);
  const taken = takenOf(plans);
  if (taken.length === 0) return { into: directory, plans, notices: [] };
  const inOwn = (entry: TreeEntry) => ({ ...entry, path: `${sweep}/${entry.path}` });
  const apart = [...layout.back, ...layout.apart].map(inOwn);
  const own = await plansOf(directory, { back: [], apart });
  const takenToo = takenOf(own);
  if (takenToo.length > 0) {
    const free = quoteShell(freeFolder(directory, sweep));
    throw new UserError([
      `${directory}: found another ${shortOf(taken)} here already, and another ${shortOf(takenToo)}; npx homelab files download ${sweep} --into ${free} gets what the tasks made`,
    ]);
  }
  const into = join(directory, sweep);
  const notice = `${directory} has another ${shortOf(taken)} already, which nothing is written over: all is in ${into}`;
  return { into, plans: own, notices: [notice] };
}

async function plansOf(directory: string, { back, apart }: Layout): Promise<DownloadPlan[]> {
  const [over, beside] = [withFolders(back), withFolders(apart)];
  const wanted = [...over, ...beside];
  const here = await lookAt(
    directory,
    wanted.map(({ path }) => path),
  );
  const found = [...here.values()];
  return [
    planDownload(over, found, { overwrite: true, into: directory }),
    planDownload(beside, found, { overwrite: false, into: directory }),
  ];
}

/** With the folders that they lie in, in whose place a file may be. */
function withFolders(entries: readonly TreeEntry[]): TreeEntry[] {
  const above = (path: string): string[] =>
    dirname(path) === "." ? [] : [...above(dirname(path)), dirname(path)];
  const folders = new Set(entries.flatMap(({ path }) => above(path)));
  const more = { type: "directory", size: 0, mtimeMs: 0, mode: 0o755 } as const;
  return [...[...folders].map((path) => ({ path, ...more })), ...entries];
}

function takenOf(plans: readonly DownloadPlan[]): string[] {
  return plans.flatMap(({ taken }) => taken.map(({ path }) => path));
}

/** One that is not there. */
function freeFolder(directory: string, sweep: string): string {
  for (let number = 2; ; number++) {
    const folder = join(directory, `${sweep}-${number}`);
    if (!existsSync(folder)) return folder;
  }
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
  if (outputs.length === 0) return [];
  const short = shortOf(pathsOf(outputs));
  return [`${why} ${short}; each task's is in a folder of its number`];
}

/** The first of some paths, and how many more there are. */
function shortOf(paths: readonly string[]): string {
  const [first = "", ...others] = new Set(paths);
  return first + (others.length > 0 ? ` and ${others.length} more` : "");
}

function inFolderOfTask({ task, path, entry }: Output): TreeEntry {
  return { ...entry, path: `${task}/${path}`, source: entry.path };
}

function pathsOf(outputs: readonly Output[]): string[] {
  return outputs.map(({ path }) => path);
}

async function lookAt(
  directory: string,
  paths: readonly string[],
): Promise<Map<string, LocalEntry>> {
  const found = new Map<string, LocalEntry>();
  for (const path of new Set(paths)) {
    const entry = await look(directory, path).catch(() => undefined);
    if (entry) found.set(path, entry);
  }
  return found;
}
