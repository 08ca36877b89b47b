/**
 * Retries of a sweep that has ended: each is a version of its job with a place for each task that runs
 * again. A forced rescheduling, which other retries are, starts all that failed, and all at once: for each
 * allocation that it replaces, Nomad has a distinct_property let one more in (seen with Nomad 1.11.3;
 * clearedValues in
 * https://github.com/hashicorp/nomad/blob/v1.11.3/scheduler/feasible/propertyset.go).
 */
import type { NomadApi } from "../nomad/api.ts";
import type { NomadAllocation, NomadJob } from "../nomad/types.ts";
import { GROUP, ROUNDS_META } from "./in-nomad.ts";

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

/** Of the meta: `1:0,3,7;2:3`; empty before the first. */
export function roundsOf({ Meta }: Pick<NomadJob, "Meta">): Round[] {
  const rounds = (Meta?.[ROUNDS_META] ?? "").split(";").filter((round) => round !== "");
  return rounds.map((round) => {
    const [version, indexes = ""] = round.split(":");
    return { version: Number(version), indexes: indexes.split(",").map(Number) };
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
 * Registers a round of a sweep that has ended, as a version of its job.
 *
 * @throws UserError where Nomad does not take it, as where somebody else has changed the job meanwhile
 */
export async function registerRound(
  nomad: NomadApi,
  job: NomadJob,
  indexes: readonly number[],
): Promise<void> {
  const rounds = [...roundsOf(job), { version: job.Version + 1, indexes }];
  const text = rounds.map((each) => `${each.version}:${each.indexes.join()}`).join(";");
  const groups = job.TaskGroups.map((group) =>
    group.Name === GROUP ? { ...group, Count: indexes.length } : group,
  );
  await nomad.post("/jobs", {
    Job: { ...job, Meta: { ...job.Meta, [ROUNDS_META]: text }, TaskGroups: groups },
    EnforceIndex: true,
    JobModifyIndex: job.JobModifyIndex,
  });
}
