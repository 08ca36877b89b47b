/** What Nomad says of a sweep's sidecars. */
import type { NomadAllocation, NomadJob, NomadTaskState } from "../../nomad/types.ts";
import { TRACKER_GROUP } from "./group.ts";
import { READY_TASK, WATCH_TASK } from "./sidecar.ts";

/**
 * Exit code of the task that waits for the sweep's tasks, where some of these failed: tracker.py has
 * it too.
 */
const KEPT = 112;

/** States of the sidecars together: they wait for room, start, answer, or are at an end. */
export type SidecarsState = "waiting" | "starting" | "running" | "ended" | "failed";

export interface SidecarsStatus {
  readonly names: readonly string[];
  readonly state: SidecarsState;
  /** Seconds that a task waits for them at most; missing where the job does not say. */
  readonly timeout?: number;
  /** While they start: what of them has failed before, and how. */
  readonly failedBefore?: string;
  /** Of a failure: what failed, and how. */
  readonly reason?: string;
  /** Of a failure: the tasks of the allocation whose last output tells of it. */
  readonly telling: readonly string[];
  /** RFC 3339, of a failure. */
  readonly finishedAt?: string;
  /** Name of the Nomad client. */
  readonly node?: string;
  /** Id of their allocation. */
  readonly allocation?: string;
}

/** The sidecars of a job; undefined where it has none. */
export function sidecarsStatus(
  job: NomadJob,
  allocations: readonly NomadAllocation[],
): SidecarsStatus | undefined {
  const group = job.TaskGroups.find(({ Name }) => Name === TRACKER_GROUP);
  if (!group) return undefined;
  const tasks = group.Tasks.map(({ Name }) => Name);
  const names = tasks.filter((each) => each !== READY_TASK && each !== WATCH_TASK);
  const [newest] = newestOfTracker(allocations);
  const all = { names, timeout: timeoutOf(group.Tasks) };
  if (!newest) return { ...all, state: job.Stop ? "ended" : "waiting", telling: [] };
  const at = { ...all, node: newest.NodeName, allocation: newest.ID };
  const failure = newest.ClientStatus === "failed" ? whyFailed(newest, names) : undefined;
  if (failure) return { ...at, state: "failed", ...failure };
  const state = stateOf(newest, names, job.Stop);
  const before = state === "starting" ? failedBefore(newest, names) : undefined;
  return { ...at, state, failedBefore: before, telling: [] };
}

/** As the template of the group has it. */
function timeoutOf(tasks: NomadJob["TaskGroups"][number]["Tasks"]): number | undefined {
  const [, seconds] = tasks.find(({ Name }) => Name === READY_TASK)?.Config.args ?? [];
  return Number(seconds) || undefined;
}

/** The allocations of the sidecars, the newest first. */
export function newestOfTracker(allocations: readonly NomadAllocation[]): NomadAllocation[] {
  return allocations
    .filter(({ TaskGroup }) => TaskGroup === TRACKER_GROUP)
    .sort((a, b) => b.CreateIndex - a.CreateIndex);
}

function stateOf(
  { ClientStatus, TaskStates }: NomadAllocation,
  names: readonly string[],
  stopped: boolean,
): SidecarsState {
  switch (ClientStatus) {
    case "running":
      // Before it the sidecars run, and do not answer yet.
      if (TaskStates?.[WATCH_TASK]?.State !== "running") return "starting";
      // One that has ended waits a while until it is started again.
      return names.some((name) => TaskStates[name]?.State === "pending") ? "starting" : "running";
    case "complete":
    case "failed":
      return "ended";
    case "pending":
      return "starting";
    default:
      return stopped ? "ended" : "waiting";
  }
}

/** Of sidecars that Nomad has started again, or is about to. */
function failedBefore(
  { TaskStates }: NomadAllocation,
  names: readonly string[],
): string | undefined {
  const told = names.flatMap((name) => {
    const state = TaskStates?.[name];
    if (!state?.Restarts) return [];
    const often = state.Restarts === 1 ? "once" : `${state.Restarts} times`;
    const whose = names.length === 1 ? "" : `${name} `;
    return [`${whose}failed ${often}, ${howEnded(state)} last`];
  });
  return told.length > 0 ? told.join("; ") : undefined;
}

/** Undefined where it ended as it should, for tasks that failed. */
function whyFailed({ TaskStates }: NomadAllocation, names: readonly string[]) {
  const failed = Object.entries(TaskStates ?? {}).filter(([, { Failed }]) => Failed);
  const [first] = failed.sort(([, a], [, b]) => finished(a) - finished(b));
  if (!first) return { reason: "they failed", telling: names };
  const [name, state] = first;
  const end = state.Events?.findLast(({ Type }) => Type === "Terminated");
  if (name === WATCH_TASK && end?.ExitCode === KEPT) return undefined;
  const finishedAt = state.FinishedAt ?? undefined;
  if (name === READY_TASK)
    return { reason: "they did not answer", telling: [name, ...names], finishedAt };
  if (end?.Details?.oom_killed === "true") {
    const reason = `${name} needed more than its memory and was killed`;
    return { reason, telling: [name], finishedAt };
  }
  return { reason: `${name} failed: ${howEnded(state)}`, telling: [name], finishedAt };
}

function howEnded(state: NomadTaskState): string {
  const end = state.Events?.findLast(({ Type }) => Type === "Terminated");
  return end ? `exit code ${end.ExitCode}` : lastWords(state);
}

function finished({ FinishedAt }: NomadTaskState): number {
  return FinishedAt ? Date.parse(FinishedAt) : Number.POSITIVE_INFINITY;
}

/** Of Nomad, on a task that never ran. */
function lastWords({ Events }: NomadTaskState): string {
  const telling = (Events ?? []).filter(({ Type }) => Type === "Driver Failure");
  return telling.at(-1)?.DisplayMessage.replaceAll(/\s+/g, " ") ?? "it did not start";
}
