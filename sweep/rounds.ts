/**
 * Retries that are a version of the sweep's job, with a place for each task that runs again: of some of the
 * tasks that failed, and with --max-workers. A forced rescheduling, which other retries are, starts all that
 * failed, and all at once: for each allocation that it replaces, Nomad has a distinct_property let one more
 * in (seen with Nomad 1.11.3; clearedValues in
 * https://github.com/hashicorp/nomad/blob/v1.11.3/scheduler/feasible/propertyset.go).
 */
import { UserError } from "../config/errors.ts";
import type { NomadApi } from "../nomad/api.ts";
import type { NomadAllocation, NomadJob } from "../nomad/types.ts";
import { GROUP, NOT_DONE_META, ROUNDS_META } from "./in-nomad.ts";
import { taskNumbers } from "./tasks.ts";

/** Bytes of a meta, which each task has in one environment variable: Linux takes 128 KiB. */
const MOST_BYTES = 100_000;

/** Indexes of the tasks that a version of the job has run, in the order of its allocations. */
interface Round {
  readonly version: number;
  readonly indexes: readonly number[];
}

/**
 * Whether a job's tasks know of rounds. They don't beside sidecars: a version of the job would leave behind
 * what these have in /alloc/data.
 */
export function hasRounds({ Meta }: Pick<NomadJob, "Meta">): boolean {
  return Meta?.[ROUNDS_META] !== undefined;
}

/** Of the meta: `1:0,3-7;2:3`; empty before the first. */
export function roundsOf({ Meta }: Pick<NomadJob, "Meta">): Round[] {
  const rounds = (Meta?.[ROUNDS_META] ?? "").split(";").filter((round) => round !== "");
  return rounds.map((round) => {
    const [version, indexes = ""] = round.split(":");
    return { version: Number(version), indexes: taskNumbers(indexes) };
  });
}

/** The index of the task that an allocation of a sweep's tasks is for. */
export function taskIndex(
  rounds: readonly Round[],
  { Name, JobVersion }: Pick<NomadAllocation, "Name" | "JobVersion">,
): number {
  const place = Number(/\[(\d+)\]$/.exec(Name)?.[1]);
  const round = rounds.findLast(({ version }) => version <= JobVersion);
  return round ? (round.indexes[place] ?? Number.NaN) : place;
}

/** The job's version that is to have a task's allocation. */
export function versionOf(rounds: readonly Round[], index: number): number {
  return rounds.findLast(({ indexes }) => indexes.includes(index))?.version ?? 0;
}

/**
 * Indexes of the tasks that had failed and are not in the latest round; the others that are not in it were
 * done. Nomad forgets allocations of earlier versions of a job when the first is a day old
 * (batch_eval_gc_threshold), whether it still has to do or not: olderVersionTerminalAllocs in
 * https://github.com/hashicorp/nomad/blob/v1.11.3/nomad/core_sched.go.
 */
export function notDoneBefore({ Meta }: Pick<NomadJob, "Meta">): ReadonlySet<number> {
  const notDone = Meta?.[NOT_DONE_META] ?? "";
  return new Set(notDone === "" ? [] : taskNumbers(notDone));
}

/**
 * Registers a round of a sweep that has ended, as a version of its job.
 *
 * @param indexes ascending
 * @param notDone indexes of the other tasks that are not done, ascending
 * @throws UserError where Nomad does not take it, as where somebody else has changed the job meanwhile; and
 * where there have been too many for it to keep
 */
export async function registerRound(
  nomad: NomadApi,
  job: NomadJob,
  indexes: readonly number[],
  notDone: readonly number[],
): Promise<void> {
  const rounds = [...roundsOf(job), { version: job.Version + 1, indexes }];
  const meta = {
    [ROUNDS_META]: rounds.map((each) => `${each.version}:${ranges(each.indexes)}`).join(";"),
    [NOT_DONE_META]: ranges(notDone),
  };
  for (const text of Object.values(meta))
    if (text.length > MOST_BYTES)
      throw new UserError(
        [
          `${job.ID}: found ${text.length} bytes that say which tasks ran again; expected at most ${MOST_BYTES}: run those that are left by a sweep of their own, by another --name`,
        ],
        2,
      );
  const groups = job.TaskGroups.map((group) =>
    group.Name === GROUP ? { ...group, Count: indexes.length } : group,
  );
  await nomad.post("/jobs", {
    Job: { ...job, Meta: { ...job.Meta, ...meta }, TaskGroups: groups },
    EnforceIndex: true,
    JobModifyIndex: job.JobModifyIndex,
  });
}

/** Of ascending numbers: `0,3-7`. */
function ranges(numbers: readonly number[]): string {
  const all: { first: number; last: number }[] = [];
  for (const each of numbers) {
    const latest = all.at(-1);
    if (latest?.last === each - 1) latest.last = each;
    else all.push({ first: each, last: each });
  }
  return all.map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`)).join();
}
