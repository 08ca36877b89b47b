/** A sweep as a user reads it. */
import type { SweepStatus, TaskState, TaskStatus } from "./gather.ts";
import type { MlflowRun } from "./runs.ts";

const BAR = 24;
const ENDED: readonly TaskState[] = ["done", "failed", "stopped", "missing"];
/** What Nomad needs at most from a task's end to the start of the next; longer is before a retry. */
const MOST_BETWEEN_MS = 10_000;
/** A value that is longer is cut in the table. */
const VALUE_WIDTH = 40;

/** One line on where a sweep stands. */
export function headline(sweep: SweepStatus, now = Date.now()): string {
  const { counts, tasks, name } = sweep;
  const ended = tasks.filter(isEnded).length;
  const filled = Math.floor((BAR * ended) / Math.max(1, tasks.length));
  const left = timeLeft(sweep, now);
  return [
    `${name} [${"#".repeat(filled)}${"-".repeat(BAR - filled)}] ${ended} of ${tasks.length}`,
    ...(counts.failed > 0 ? [`${counts.failed} failed`] : []),
    ...(counts.stopped > 0 ? [`${counts.stopped} stopped`] : []),
    ...(counts.running > 0 ? [`${counts.running} running`] : []),
    ...(left === undefined ? [] : [`about ${duration(left)} left`]),
  ].join(", ");
}

/** Seconds, from the pace so far; undefined where there is none yet, or nothing is left. */
function timeLeft({ tasks }: SweepStatus, now: number): number | undefined {
  const ended = tasks.filter((task) => isEnded(task) && task.startedAt);
  const open = tasks.filter((task) => !isEnded(task));
  if (ended.length === 0 || open.length === 0) return undefined;
  const mean = ended.reduce((sum, { seconds = 0 }) => sum + seconds, 0) / ended.length;
  // One that runs already needs a part of its time only.
  const left = open.map(({ seconds = 0 }) => mean - Math.min(seconds, mean));
  const tasksLeft = left.reduce((sum, each) => sum + each, 0) / Math.max(mean, 0.001);
  const pace = secondsAtWork(tasks, now) / ended.length;
  // None goes faster where few are left.
  return Math.max(pace * tasksLeft, ...left);
}

/** Without the long time between an end and a retry. */
function secondsAtWork(tasks: readonly TaskStatus[], now: number): number {
  const runs = tasks.flatMap(({ startedAt, finishedAt }) =>
    startedAt ? [[Date.parse(startedAt), finishedAt ? Date.parse(finishedAt) : now] as const] : [],
  );
  let sum = 0;
  let until: number | undefined;
  for (const [from, to] of runs.toSorted(([a], [b]) => a - b)) {
    const last = until ?? from;
    sum += Math.min(Math.max(0, from - last), MOST_BETWEEN_MS);
    sum += Math.max(0, to - Math.max(from, last));
    until = Math.max(last, to);
  }
  return sum / 1000;
}

export function isEnded({ state }: TaskStatus): boolean {
  return ENDED.includes(state);
}

/** Whether a task has ended in another way than it should. */
export function hasFailed({ counts }: Pick<SweepStatus, "counts">): boolean {
  return counts.failed + counts.stopped + counts.missing > 0;
}

/** What a task is called in lines: its number, and the value where that says more. */
export function taskName({ id, value }: Pick<TaskStatus, "id" | "value">): string {
  return value === String(id) ? `task ${id}` : `task ${id} (${cut(value)})`;
}

/** One line on a task that has ended. */
export function endLine(task: TaskStatus): string {
  const { state, exitCode, reason, seconds, node } = task;
  const took = seconds === undefined ? "" : ` after ${duration(seconds)}`;
  const why = reason ?? (exitCode === undefined ? undefined : `exit code ${exitCode}`);
  const how = state === "failed" && why ? `: ${why}` : "";
  return `${taskName(task)} ${state}${took}${node ? ` on ${node}` : ""}${how}`;
}

/** All tasks, one a line, and what they took together. */
export function table(sweep: SweepStatus, runs: ReadonlyMap<number, MlflowRun>): string[] {
  const head = ["task", "value", "state", "exit", "time", "client", "MLflow run"];
  const rows = sweep.tasks.map((task) => [
    String(task.id),
    cut(task.value),
    task.restarts > 0 ? `${task.state} (try ${task.restarts + 1})` : task.state,
    task.exitCode === undefined ? "" : String(task.exitCode),
    task.seconds === undefined ? "" : duration(task.seconds),
    task.node ?? "",
    runs.get(task.index)?.url ?? "",
  ]);
  const widths = head.map((title, at) =>
    Math.max(...[head, ...rows].map((row) => (row[at] ?? title).length)),
  );
  const line = (row: string[]) =>
    row
      .map((text, at) => text.padEnd(widths[at] ?? 0))
      .join("  ")
      .trimEnd();
  return [...[head, ...rows].map(line), "", summary(sweep)];
}

/** How a sweep stands, in words, with the hours that its tasks have taken of clients. */
export function summary({ name, tasks, counts }: SweepStatus): string {
  const seconds = tasks.reduce(
    (sum, { clientSeconds, seconds = 0 }) => sum + (clientSeconds ?? seconds),
    0,
  );
  const states = Object.entries(counts).filter(([, count]) => count > 0);
  const told = states.map(([state, count]) => `${count} ${state}`).join(", ");
  return `${name}: ${told}; ${nodeHours(seconds)} node-hours`;
}

function nodeHours(seconds: number): string {
  const hours = seconds / 3600;
  return hours >= 10 ? hours.toFixed(0) : hours.toFixed(hours >= 0.1 ? 1 : 3);
}

/** Rounded down to what matters. */
export function duration(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 120) return `${Math.floor(seconds)} s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}

/** A text that is not longer than a table has room for. */
export function cut(text: string): string {
  return text.length > VALUE_WIDTH ? `${text.slice(0, VALUE_WIDTH - 3)}...` : text;
}
