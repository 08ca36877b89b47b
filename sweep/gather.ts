/** What Nomad says of a sweep. */
import { UserError } from "../config/errors.ts";
import type { NomadApi } from "../nomad/api.ts";
import type { NomadAllocation, NomadJob, NomadTaskEvent } from "../nomad/types.ts";
import { scriptOf } from "./delivery.ts";
import {
  COMMAND_META,
  FAIL_FAST_META,
  GROUP,
  KEPT_META,
  SWEEP_META,
  TASK,
  TRACKER_META,
  TRACKER_STORES_META,
} from "./in-nomad.ts";
import { NOT_KEPT } from "./outputs.ts";
import { notDoneBefore, roundsOf, taskIndex, versionOf } from "./rounds.ts";
import { LATE_FILE, NOT_ASKED_FOR, tasksOfScript } from "./runner.ts";
import { type SidecarsStatus, sidecarsStatus } from "./sidecars/status.ts";
import { SERVICE } from "./tracker.ts";

const STATES = [
  "waiting",
  "starting",
  "running",
  "unknown",
  "done",
  "failed",
  "stopped",
  "missing",
] as const;

/**
 * A task's state: it waits for room, starts, runs, or is at an end. One is missing that Nomad has
 * forgotten and that has left nothing.
 */
export type TaskState = (typeof STATES)[number];

export interface TaskStatus {
  /** What the user knows it by. */
  readonly id: number;
  /** Its place in the sweep, from 0: SWEEP_INDEX. */
  readonly index: number;
  readonly value: string;
  readonly state: TaskState;
  /** Of the command; missing where it did not end. */
  readonly exitCode?: number;
  /** Why it failed, where there is more to say than the exit code. */
  readonly reason?: string;
  /** Seconds that it ran, so far; of its last try. */
  readonly seconds?: number;
  /** Seconds that all its tries took of clients; only Nomad knows. */
  readonly clientSeconds?: number;
  /** RFC 3339. */
  readonly startedAt?: string;
  readonly finishedAt?: string;
  /** How often it was started again by itself. */
  readonly restarts: number;
  /** Name of the Nomad client. */
  readonly node?: string;
  /** Id of its allocation. */
  readonly allocation?: string;
}

export interface SweepStatus {
  readonly name: string;
  readonly command: string;
  /** It is incomplete where tasks of it are missing. */
  readonly state: "running" | "done" | "failed" | "stopped" | "incomplete";
  /** RFC 3339. */
  readonly submittedAt: string;
  /** The first failure ends it, where somebody waits. */
  readonly failFast: boolean;
  /** Whether what its tasks leave is kept on the volume for files. */
  readonly kept: boolean;
  /** Somebody has stopped it, or its first failure has: there is no retry. */
  readonly isStopped?: true;
  /** Its tasks read a Nomad variable of its name when they start, with their secrets. */
  readonly hasVariable?: true;
  readonly counts: Readonly<Record<TaskState, number>>;
  readonly tasks: readonly TaskStatus[];
  /** The MLflow that its tasks log to, see tracker.ts. */
  readonly tracker: string;
  /** File stores of a tracker that ends with the sweep; missing where nobody knows. */
  readonly trackerStores?: readonly string[];
  /** Missing where it has none. */
  readonly sidecars?: SidecarsStatus;
}

/** States of tasks that go on or are still to come. */
export const OPEN: readonly TaskState[] = ["waiting", "starting", "running", "unknown"];

/** Nomad knows no sweep of a name. */
export class NoSweep extends UserError {
  constructor(name: string) {
    super(
      [
        `${name}: Nomad has no sweep of that name; npx homelab sweep list shows those it has (it forgets a sweep some time after the last task is done)`,
      ],
      2,
    );
  }
}

/** A job has the mark of a sweep, and is none that we know how to read. */
export class UnreadableSweep extends UserError {
  constructor(name: string, found: string) {
    super(
      [
        `${name}: the job of that name in Nomad is marked as a sweep and has no tasks of one: found ${found}; was it changed, or registered by another version? nomad job inspect ${name} shows it, nomad job stop ${name} ends it`,
      ],
      2,
    );
  }
}

/**
 * Asks Nomad for a sweep, and is patient with one that is away for a moment.
 *
 * @throws NoSweep
 * @throws UnreadableSweep
 */
export async function gatherSweep(nomad: NomadApi, name: string): Promise<SweepStatus> {
  return gatherOf(nomad, await sweepJobOf(nomad, name));
}

/** Job of a sweep. @throws NoSweep */
export async function sweepJobOf(nomad: NomadApi, name: string): Promise<NomadJob> {
  const job = await nomad.getPatiently<NomadJob>(pathOf(name));
  if (!job?.Meta?.[SWEEP_META]) throw new NoSweep(name);
  return job;
}

/** The sweep of a job. @throws UnreadableSweep */
export async function gatherOf(nomad: NomadApi, job: NomadJob): Promise<SweepStatus> {
  const path = `${pathOf(job.ID)}/allocations`;
  return sweepStatus(job, (await nomad.getPatiently<NomadAllocation[]>(path)) ?? []);
}

function pathOf(name: string): string {
  return `/job/${encodeURIComponent(name)}`;
}

/**
 * Whether nothing of a sweep will run any more, after a retry either. Nomad goes on calling the job of one
 * with a failed task "pending".
 */
export function isOver(
  { state }: Pick<SweepStatus, "state">,
  job: Pick<NomadJob, "Stop">,
): boolean {
  return state === "done" || state === "stopped" || (state === "failed" && job.Stop);
}

/** Names of the sweeps that Nomad knows, the newest first. */
export async function sweepNames(nomad: NomadApi): Promise<string[]> {
  type Stub = Pick<NomadJob, "ID" | "Meta">;
  const jobs = await nomad.list<Stub>("/jobs", { meta: "true" });
  return jobs
    .flatMap(({ ID, Meta }) => (Meta?.[SWEEP_META] ? [{ ID, at: Meta[SWEEP_META] }] : []))
    .sort((a, b) => b.at.localeCompare(a.at))
    .map(({ ID }) => ID);
}

/** A sweep's state, from Nomad's words. @throws UnreadableSweep */
export function sweepStatus(
  job: NomadJob,
  allocations: readonly NomadAllocation[],
  now = Date.now(),
): SweepStatus {
  const rounds = roundsOf(job);
  const newest = rounds.at(-1)?.version ?? 0;
  const byIndex = new Map<number, NomadAllocation[]>();
  for (const each of allocations.filter(({ TaskGroup }) => TaskGroup === GROUP)) {
    const index = taskIndex(rounds, each);
    const known = each.JobVersion < newest ? neverReplaced(each) : each;
    byIndex.set(index, [...(byIndex.get(index) ?? []), known]);
  }
  const notDone = notDoneBefore(job);
  const tasks = tasksOfJob(job).map(({ id, input }, index) => {
    const tries = byIndex.get(index) ?? [];
    const clientSeconds = tries.reduce((sum, each) => sum + allSecondsOf(each, now), 0);
    const version = versionOf(rounds, index);
    const latest = tries.filter(({ JobVersion }) => JobVersion >= version);
    const status =
      latest.length === 0 && version < newest
        ? forgotten(notDone.has(index) ? "failed" : "done")
        : ofAllocation(current(latest), job.Stop, now);
    return { id, index, value: input, ...status, ...(tries.length > 0 ? { clientSeconds } : {}) };
  });
  return {
    name: job.ID,
    command: job.Meta?.[COMMAND_META] ?? "",
    submittedAt: job.Meta?.[SWEEP_META] ?? "",
    failFast: job.Meta?.[FAIL_FAST_META] === "true",
    kept: job.Meta?.[KEPT_META] === "true",
    ...(job.Stop ? { isStopped: true } : {}),
    ...(readsVariable(job) ? { hasVariable: true } : {}),
    ...totalsOf(tasks),
    tasks,
    tracker: trackerOfJob(job),
    trackerStores: trackerStoresOfJob(job),
    sidecars: sidecarsStatus(job, allocations),
  };
}

/** The MLflow that its tasks log to, see tracker.ts. */
export function trackerOfJob({ Meta }: NomadJob): string {
  return Meta?.[TRACKER_META] ?? SERVICE;
}

/** As trackerStores has them. */
export function trackerStoresOfJob({ Meta }: NomadJob): readonly string[] | undefined {
  return Meta?.[TRACKER_STORES_META]?.split(",").filter((each) => each !== "");
}

/** The tasks that a job was registered with. @throws UnreadableSweep */
function tasksOfJob({ ID, TaskGroups }: NomadJob): ReturnType<typeof tasksOfScript> {
  const group = TaskGroups.find(({ Name }) => Name === GROUP);
  if (!group) throw new UnreadableSweep(ID, `no group "${GROUP}"`);
  const tasks = tasksOfScript(scriptOf(group.Tasks[0]?.Env ?? {}));
  if (tasks.length === 0) throw new UnreadableSweep(ID, "no script with tasks in its environment");
  return tasks;
}

function readsVariable({ TaskGroups }: NomadJob): boolean {
  const [task] = TaskGroups.find(({ Name }) => Name === GROUP)?.Tasks ?? [];
  return task?.Templates?.some(({ DestPath }) => DestPath === `secrets/${LATE_FILE}`) ?? false;
}

/** The task that failed before all others that did. */
export function firstFailure({ tasks }: Pick<SweepStatus, "tasks">): TaskStatus | undefined {
  const time = ({ finishedAt = "" }: TaskStatus) => Date.parse(finishedAt) || Number.MAX_VALUE;
  return tasks
    .filter(({ state }) => state === "failed")
    .toSorted((a, b) => time(a) - time(b))
    .at(0);
}

/** What its tasks make of a sweep. */
export function totalsOf(tasks: readonly TaskStatus[]): Pick<SweepStatus, "state" | "counts"> {
  const counts = Object.fromEntries(
    STATES.map((state) => [state, tasks.filter((task) => task.state === state).length]),
  ) as Record<TaskState, number>;
  return { state: stateOf(counts, tasks.length), counts };
}

function stateOf(counts: Record<TaskState, number>, all: number): SweepStatus["state"] {
  if (OPEN.some((state) => counts[state] > 0)) return "running";
  if (counts.done === all) return "done";
  if (counts.missing > 0) return "incomplete";
  return counts.stopped > 0 ? "stopped" : "failed";
}

/** Of a task whose allocation Nomad has forgotten, after a retry of others. */
function forgotten(state: "done" | "failed") {
  const reason = state === "failed" ? "Nomad has forgotten how" : undefined;
  return { state, reason, restarts: 0 } as const;
}

/** One of an earlier version of the job: a retry marks it, too, and Nomad puts none in its place. */
function neverReplaced(allocation: NomadAllocation): NomadAllocation {
  return { ...allocation, DesiredTransition: { ForceReschedule: false } };
}

/** The last that did the task's work, or is at it. */
function current(all: readonly NomadAllocation[]): NomadAllocation | undefined {
  const newest = all.toSorted((a, b) => b.CreateIndex - a.CreateIndex);
  if (newest[0] && isToBeRetried(newest[0])) return newest[0];
  const did = newest.find((each) => ended(each)?.ExitCode !== NOT_ASKED_FOR) ?? newest[0];
  // Nomad names no next one where that had no room at first.
  return did && did !== newest[0] ? { ...did, NextAllocation: newest[0]?.ID ?? "" } : did;
}

function ended(allocation: NomadAllocation): NomadTaskEvent | undefined {
  if (["pending", "running"].includes(allocation.ClientStatus)) return undefined;
  const events = allocation.TaskStates?.[TASK]?.Events ?? [];
  return events.findLast(({ Type }) => Type === "Terminated");
}

function ofAllocation(allocation: NomadAllocation | undefined, stopped: boolean, now: number) {
  const end = allocation && ended(allocation);
  const state = allocation ? stateOfAllocation(allocation, end, stopped) : undefined;
  // What a try before has left is no news of one that waits for the next.
  if (!allocation || !state || state === "waiting")
    return { state: stopped ? "stopped" : "waiting", restarts: 0 } as const;
  const task = allocation.TaskStates?.[TASK];
  return {
    state,
    exitCode: end?.ExitCode,
    reason: state === "failed" ? whyFailed(allocation, end) : undefined,
    seconds: secondsOf(allocation, now),
    startedAt: task?.StartedAt ?? undefined,
    finishedAt: task?.FinishedAt ?? undefined,
    restarts: task?.Restarts ?? 0,
    node: allocation.NodeName,
    allocation: allocation.ID,
  };
}

/** Of its last try; undefined where none began, or its client was lost and nobody knows how it ended. */
function secondsOf({ ClientStatus, TaskStates }: NomadAllocation, now: number): number | undefined {
  const { StartedAt, FinishedAt } = TaskStates?.[TASK] ?? {};
  if (!StartedAt || (!FinishedAt && ClientStatus === "lost")) return undefined;
  const until = FinishedAt ? Date.parse(FinishedAt) : now;
  return Math.max(0, (until - Date.parse(StartedAt)) / 1000);
}

/** Of all tries; those on a client of which Nomad has forgotten the events took as long as the others. */
function allSecondsOf(allocation: NomadAllocation, now: number): number {
  const { Events, FinishedAt, Restarts = 0 } = allocation.TaskStates?.[TASK] ?? {};
  const tries = (Events ?? []).flatMap(({ Type, Time }, at, all) => {
    const end = all.slice(at).find((each) => each.Type === "Terminated");
    return Type === "Started" && end ? [(end.Time - Time) / 1e9] : [];
  });
  const before = FinishedAt ? tries.slice(0, -1) : tries;
  const mean = before.reduce((sum, each) => sum + each, 0) / Math.max(1, before.length);
  return mean * Restarts + (secondsOf(allocation, now) ?? 0);
}

/** Whether a retry was asked for that has no place yet. */
function isToBeRetried(allocation: NomadAllocation): boolean {
  const { ClientStatus, DesiredTransition, NextAllocation } = allocation;
  return ClientStatus === "failed" && DesiredTransition.ForceReschedule === true && !NextAllocation;
}

function stateOfAllocation(
  allocation: NomadAllocation,
  end: NomadTaskEvent | undefined,
  stopped: boolean,
): TaskState {
  switch (allocation.ClientStatus) {
    case "pending":
      // One that is to be stopped, too: it may still start, and Nomad says when it has ended.
      return "starting";
    case "running":
      return "running";
    case "complete":
      return end?.ExitCode === 0 ? "done" : "stopped";
    case "failed":
      return isToBeRetried(allocation) && !stopped ? "waiting" : "failed";
    case "lost":
      return stopped ? "stopped" : "waiting";
    default:
      return "unknown";
  }
}

/** In words, where the exit code does not say it. */
function whyFailed(allocation: NomadAllocation, end: NomadTaskEvent | undefined) {
  if (end?.Details?.oom_killed === "true") return "it needed more than --memory and was killed";
  if (end?.ExitCode === NOT_KEPT) return "it was done, and what it left could not be kept";
  if (end && end.ExitCode !== 0) return undefined;
  const events = allocation.TaskStates?.[TASK]?.Events ?? [];
  const telling = events.filter(
    ({ Type }) => !["Not Restarting", "Killing", "Killed"].includes(Type),
  );
  return telling.at(-1)?.DisplayMessage.replaceAll(/\s+/g, " ");
}
