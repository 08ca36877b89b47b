/** What can be done to a sweep that was registered. */
import { UserError } from "../config/errors.ts";
import type { NomadApi } from "../nomad/api.ts";
import type { NomadJob } from "../nomad/types.ts";
import { OPEN, type SweepStatus } from "./gather.ts";
import { GROUP, ONLY_ITEM, variableOf } from "./in-nomad.ts";
import { reschedule } from "./reschedule.ts";
import { hasRounds, registerRound } from "./rounds.ts";
import { sidecarsEnded } from "./sidecars/again.ts";

/** Of a sweep that has no retry. Its name is taken until Nomad forgets it. */
const ANEW = "run it again with sweep run, by another --name";

/** Ends what runs of a sweep and what waits; removes its secrets. What is done stays done. */
export async function stopSweep(nomad: NomadApi, name: string): Promise<void> {
  await nomad.delete(`/job/${encodeURIComponent(name)}`);
  await forgetSecrets(nomad, name);
}

/** Removes the sweep's Nomad variable, which no task will read any more. */
export async function forgetSecrets(nomad: NomadApi, name: string): Promise<void> {
  await nomad.delete(`/var/${variableOf(name)}`);
}

/**
 * Runs tasks that failed again, with --max-workers no more at a time than that. Without it, Nomad starts
 * all that failed; those that are not asked for end at once, and their earlier result stands.
 *
 * @param job that the sweep was read from: Nomad takes a round of it only where nobody has changed it since
 * @param ids of the tasks; all that failed where undefined
 * @returns the ids of the tasks that run again
 * @throws UserError with exit code 2 where a task is unknown or did not fail, or more would run than may
 */
export async function retryTasks(
  nomad: NomadApi,
  { job, sweep }: { readonly job: NomadJob; readonly sweep: SweepStatus },
  ids: readonly number[] | undefined,
): Promise<number[]> {
  const failed = sweep.tasks.filter(({ state }) => state === "failed").map(({ id }) => id);
  const wanted = [...new Set(ids ?? failed)];
  const problems = wanted.flatMap((id) => whyNotRetried(sweep, id));
  if (sweep.isStopped) problems.unshift(`${sweep.name}: it was stopped; ${ANEW}`);
  if (problems.length > 0) throw new UserError(problems, 2);
  if (wanted.length === 0) return [];
  const workers = maxWorkersOf(job);
  if (workers !== undefined) expectWithin(workers, job, sweep, wanted.length);
  const path = `/var/${variableOf(sweep.name)}`;
  const variable = await nomad.get<{ readonly Items: Record<string, string> }>(path);
  if (!variable)
    throw new UserError(
      [
        `${sweep.name}: found no Nomad variable ${variableOf(sweep.name)}, with its secrets; ${ANEW}`,
      ],
      2,
    );
  // Those that are still to start read it as well.
  const open = sweep.tasks.filter(({ state }) => OPEN.includes(state)).map(({ id }) => id);
  const inRounds = hasRounds(job);
  const all = inRounds || wanted.length === failed.length;
  const only = all ? "\n" : `${[...wanted, ...open].join(",")}\n`;
  await nomad.put(path, {
    Path: variableOf(sweep.name),
    Items: { ...variable.Items, [ONLY_ITEM]: only },
  });
  if (inRounds) {
    const indexes = sweep.tasks.filter(({ id }) => wanted.includes(id)).map(({ index }) => index);
    await registerRound(nomad, job, indexes);
    return wanted;
  }
  if (sweep.sidecars && sweep.state !== "running") await sidecarsEnded(nomad, sweep.name);
  await reschedule(nomad, sweep.name);
  return wanted;
}

/** How many of its tasks may run at a time; undefined where as many as there is room for. */
function maxWorkersOf({ TaskGroups }: NomadJob): number | undefined {
  const constraints = TaskGroups.find(({ Name }) => Name === GROUP)?.Constraints ?? [];
  const cap = constraints.find(({ Operand }) => Operand === "distinct_property");
  return cap && Number(cap.RTarget);
}

/** @throws UserError where Nomad would start more than may run */
function expectWithin(workers: number, job: NomadJob, sweep: SweepStatus, wanted: number): void {
  const { name, state } = sweep;
  const problem = (found: string, expected: string) =>
    new UserError(
      [`${name}: ${found}, and Nomad would not keep to --max-workers ${workers}; ${expected}`],
      2,
    );
  if (state === "running") throw problem("it still runs", "expected its end, see sweep wait");
  if (!hasRounds(job) && wanted > workers)
    throw problem(
      `${wanted} of its tasks are to run again`,
      `expected --task with ${workers} of them at most`,
    );
}

function whyNotRetried({ tasks, name }: SweepStatus, id: number): string[] {
  const task = tasks.find((each) => each.id === id);
  if (!task) return [`--task ${id}: ${name} has no such task; expected one of its numbers`];
  if (task.state === "failed") return [];
  return [`--task ${id}: it is ${task.state}; expected a task that failed`];
}
