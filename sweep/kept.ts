/** What the volume for files knows of a sweep, when Nomad has forgotten it. */
import { UserError } from "../config/errors.ts";
import type { FileServer } from "../files/file-server.ts";
import { sweepFolder } from "../files/paths.ts";
import { readTexts, writeTexts } from "../files/texts.ts";
import type { TreeEntry } from "../files/tree.ts";
import { type SweepStatus, type TaskStatus, totalsOf } from "./gather.ts";
import { LOG_FILE, MANIFEST_FILE, SWEEP_FILE, TASK_FILE, TASKS, VALUES_FILE } from "./outputs.ts";
import { readTaskLines } from "./runner.ts";
import type { MlflowRun } from "./runs.ts";
import { SERVICE } from "./tracker.ts";

/** Why a task is missing. */
export const LEFT_NOTHING =
  "nothing was kept of it: it was killed or stopped, never ran, or the volume was full";

/** What the manifest of a sweep says of a task. */
export interface KeptTask extends TaskStatus {
  /** What it said, below the sweep's folder. */
  readonly log?: string;
  /** Of a grid. */
  readonly parameters?: Readonly<Record<string, string>>;
  readonly run?: MlflowRun;
}

/** The manifest. */
export interface KeptSweep extends SweepStatus {
  readonly tasks: readonly KeptTask[];
  /** Another one when a task has ended since. */
  readonly records: string;
}

/** A TASK_FILE. */
interface TaskRecord {
  readonly id: number;
  readonly exitCode: number;
  readonly parameters: Readonly<Record<string, string>>;
  readonly startedAt: string;
  readonly finishedAt: string;
  readonly node: string;
  readonly allocation: string;
}

/** Asks for the runs of a sweep in the MLflow that its tasks logged to, as tracker.ts has it. */
type RunsOf = (tracker: string) => Promise<ReadonlyMap<number, MlflowRun>>;

/**
 * Reads what is kept of a sweep; where tasks have ended since its manifest was written, it is written
 * anew.
 *
 * @param runsOf is asked when the runs are needed
 * @returns undefined where there is nothing of it
 * @throws UserError
 */
export async function readKept(
  server: FileServer,
  name: string,
  runsOf: RunsOf,
): Promise<KeptSweep | undefined> {
  const folder = sweepFolder(name);
  const tree = await server.tree(folder);
  if (!tree) return undefined;
  const records = recordsIn(tree);
  const before = await readManifest(server, folder);
  if (before?.records === summaryOf(records)) return before;
  const wanted = [SWEEP_FILE, VALUES_FILE, ...records.map(({ path }) => path)];
  const texts = await readTexts(server, folder, wanted);
  if (!texts.has(SWEEP_FILE)) return undefined;
  const runs = await runsOf(sweepIn(texts).tracker);
  const found = { ...compose(texts, runs, before), records: summaryOf(records) };
  await writeManifest(server, found, before);
  return found;
}

/** What a SWEEP_FILE says. */
type SweepRecord = SweepStatus & {
  /** That was asked for, if any. */
  readonly namespace?: string;
};

/** What was written down of a sweep when it was registered. @throws UserError */
export async function recordOf(
  server: FileServer,
  name: string,
): Promise<Pick<SweepRecord, "namespace" | "tracker" | "trackerStores">> {
  return sweepIn(await readTexts(server, sweepFolder(name), [SWEEP_FILE]));
}

function sweepIn(texts: ReadonlyMap<string, string>): SweepRecord {
  try {
    return { tracker: SERVICE, ...JSON.parse(texts.get(SWEEP_FILE) ?? "{}") };
  } catch {
    throw new UserError([
      `${SWEEP_FILE} of the sweep: found no JSON in it; npx homelab files download gets all that lies beside it`,
    ]);
  }
}

async function readManifest(server: FileServer, folder: string): Promise<KeptSweep | undefined> {
  const text = (await readTexts(server, folder, [MANIFEST_FILE])).get(MANIFEST_FILE);
  try {
    return text === undefined ? undefined : JSON.parse(text);
  } catch {
    // It is made of what lies beside it.
    return undefined;
  }
}

function recordsIn(tree: readonly TreeEntry[]): TreeEntry[] {
  const form = new RegExp(`^${TASKS}/\\d+/${TASK_FILE}$`);
  return tree.filter(({ path }) => form.test(path));
}

/** Not by the manifest's own time: the clocks of two machines differ. */
function summaryOf(records: readonly TreeEntry[]): string {
  const newest = records.reduce((latest, { mtimeMs }) => Math.max(latest, mtimeMs), 0);
  return `${records.length} until ${new Date(newest).toISOString()}`;
}

/** Writes down what Nomad says of a sweep, with its runs. @returns the manifest @throws UserError */
export async function keepStatus(
  server: FileServer,
  sweep: SweepStatus,
  runs: ReadonlyMap<number, MlflowRun>,
): Promise<KeptSweep> {
  const folder = sweepFolder(sweep.name);
  const tree = await server.tree(folder);
  const before = tree && (await readManifest(server, folder));
  const records = recordsIn(tree ?? []);
  const recorded = new Set(records.map(({ path }) => path));
  const tasks = sweep.tasks.map((task) => {
    const hasLog = recorded.has(`${TASKS}/${task.id}/${TASK_FILE}`);
    return withRun(hasLog ? { ...task, log: logOf(task.id) } : task, runs, before);
  });
  const found = { ...sweep, tasks, records: summaryOf(records) };
  await writeManifest(server, found, before);
  return found;
}

/** One that says the same is left as it is: who has it would get it again. */
async function writeManifest(
  server: FileServer,
  sweep: KeptSweep,
  before: KeptSweep | undefined,
): Promise<void> {
  const textOf = (each?: KeptSweep) => `${JSON.stringify(each, undefined, 2)}\n`;
  if (textOf(sweep) === textOf(before)) return;
  await writeTexts(server, sweepFolder(sweep.name), { [MANIFEST_FILE]: textOf(sweep) });
}

/**
 * A sweep by what its tasks have left.
 *
 * @param texts of its files, by their paths
 * @param before its manifest, which may know of tasks that have left nothing
 */
export function compose(
  texts: ReadonlyMap<string, string>,
  runs: ReadonlyMap<number, MlflowRun>,
  before?: Pick<KeptSweep, "tasks">,
): Omit<KeptSweep, "records"> {
  const { name, command, submittedAt, failFast, tracker, trackerStores } = sweepIn(texts);
  const tasks = readTaskLines(texts.get(VALUES_FILE) ?? "").map(({ id, input }, index) => {
    const text = texts.get(`${TASKS}/${id}/${TASK_FILE}`);
    const known = text === undefined ? knownEnd(before?.tasks[index]) : ended(id, JSON.parse(text));
    return withRun({ id, index, value: input, restarts: 0, ...known }, runs, before);
  });
  return {
    name,
    command,
    submittedAt,
    failFast,
    tracker,
    trackerStores,
    kept: true,
    ...totalsOf(tasks),
    tasks,
  };
}

/** Of a task that has left nothing; Nomad may have said why. */
function knownEnd(task: KeptTask | undefined) {
  if (task?.state === "failed" || task?.state === "stopped") return task;
  return { state: "missing", reason: LEFT_NOTHING } as const;
}

function ended(id: number, record: TaskRecord) {
  const { exitCode, parameters, startedAt, finishedAt, node, allocation } = record;
  return {
    state: exitCode === 0 ? ("done" as const) : ("failed" as const),
    seconds: Math.max(0, (Date.parse(finishedAt) - Date.parse(startedAt)) / 1000),
    ...{ exitCode, parameters, startedAt, finishedAt, node, allocation, log: logOf(id) },
  };
}

function logOf(id: number): string {
  return `${TASKS}/${id}/${LOG_FILE}`;
}

/** @param before has runs that nobody may know any more: a tracker of its own ends with a sweep */
function withRun(
  task: KeptTask,
  runs: ReadonlyMap<number, MlflowRun>,
  before: Pick<KeptSweep, "tasks"> | undefined,
): KeptTask {
  const known = before?.tasks[task.index];
  const run = runs.get(task.index) ?? (known?.allocation === task.allocation && known?.run);
  return run ? { ...task, run } : task;
}
