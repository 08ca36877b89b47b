/** What can be done to a sweep that was registered. */
import { UserError } from "../config/errors.ts";
import type { NomadApi } from "../nomad/api.ts";
import type { NomadJob } from "../nomad/types.ts";
import { OPEN, type SweepStatus, type TaskStatus } from "./gather.ts";
import { GROUP, ONLY_ITEM, variableOf } from "./in-nomad.ts";
import { reschedule } from "./reschedule.ts";
import { hasRounds, registerRound, roundsOf } from "./rounds.ts";
import { sidecarsEnded } from "./sidecars/again.ts";

/** Of a sweep that has no retry. Its name is taken until Nomad forgets it. */
const ANEW = "run it again with sweep run, by another --name";

type Registered = Pick<SweepStatus, "name" | "hasVariable">;

/** Ends what runs of a sweep and what waits; removes its secrets. What is done stays done. */
export async function stopSweep(nomad: NomadApi, sweep: Registered): Promise<void> {
  await nomad.delete(`/job/${encodeURIComponent(sweep.name)}`);
  await forgetSecrets(nomad, sweep);
}

/** Removes the sweep's Nomad variable, which no task will read any more. */
export async function forgetSecrets(nomad: NomadApi, sweep: Registered): Promise<void> {
  if (sweep.hasVariable) await nomad.delete(`/var/${variableOf(sweep.name)}`);
}

/**
 * Runs tasks that failed again, with --max-workers no more at a time than that; in rounds where not all that
 * failed are to run at once. Of a sweep that still runs, it is all that failed, as Nomad starts them all.
 * Beside sidecars, those that are not asked for end at once, and their earlier result stands.
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
  const some = wanted.length < failed.length;
  const inRounds = some || workers !== undefined || roundsOf(job).length > 0;
  if (hasRounds(job) && sweep.state !== "running" && inRounds) {
    if (sweep.hasVariable) await variableOfSweep(nomad, sweep.name);
    const indexes = (which: (task: TaskStatus) => boolean) =>
      sweep.tasks.filter(which).map(({ index }) => index);
    const again = indexes(({ id }) => wanted.includes(id));
    const notDone = indexes(({ id, state }) => state !== "done" && !wanted.includes(id));
    await registerRound(nomad, job, again, notDone);
    return wanted;
  }
  if (workers !== undefined) expectWithin(workers, sweep, wanted.length);
  if (hasRounds(job)) expectAll(job, sweep, wanted, failed);
  if (sweep.hasVariable) await askFor(nomad, sweep, some ? wanted : []);
  if (sweep.sidecars && sweep.state !== "running") await sidecarsEnded(nomad, sweep.name);
  await expectUnchanged(nomad, job);
  await reschedule(nomad, sweep.name);
  return wanted;
}

/** @throws UserError where somebody else has registered a retry since the job was read */
async function expectUnchanged(
  nomad: NomadApi,
  { ID, JobModifyIndex }: Pick<NomadJob, "ID" | "JobModifyIndex">,
): Promise<void> {
  const now = await nomad.get<NomadJob>(`/job/${encodeURIComponent(ID)}`);
  if (now?.JobModifyIndex === JobModifyIndex) return;
  throw new UserError([
    `${ID}: its job was changed meanwhile, by another retry or a stop; see sweep status`,
  ]);
}

/** Items of the sweep's variable. @throws UserError where it is gone, and the secrets with it */
async function variableOfSweep(nomad: NomadApi, name: string): Promise<Record<string, string>> {
  const path = variableOf(name);
  const variable = await nomad.get<{ readonly Items: Record<string, string> }>(`/var/${path}`);
  if (variable) return variable.Items;
  throw new UserError([`${name}: found no Nomad variable ${path}, with its secrets; ${ANEW}`], 2);
}

/** @param wanted ids of the tasks that are to run again; all that failed where it is empty */
async function askFor(
  nomad: NomadApi,
  { name, tasks }: SweepStatus,
  wanted: readonly number[],
): Promise<void> {
  const items = await variableOfSweep(nomad, name);
  // Those that are still to start read it as well.
  const open = tasks.filter(({ state }) => OPEN.includes(state)).map(({ id }) => id);
  const only = wanted.length === 0 ? "\n" : `${[...wanted, ...open].join(",")}\n`;
  const path = variableOf(name);
  await nomad.put(`/var/${path}`, { Path: path, Items: { ...items, [ONLY_ITEM]: only } });
}

/** @throws UserError where Nomad would start more of a sweep that runs than is wanted */
function expectAll(
  job: NomadJob,
  { name }: SweepStatus,
  wanted: readonly number[],
  failed: readonly number[],
): void {
  const end = "its end, see sweep wait";
  if (roundsOf(job).length > 0)
    throw new UserError([`${name}: it still runs, as a retry; expected ${end}`], 2);
  const others = failed.filter((id) => !wanted.includes(id));
  if (others.length === 0) return;
  const told = `${others.length === 1 ? "task" : "tasks"} ${others.join(", ")}`;
  throw new UserError(
    [
      `${name}: it still runs, and Nomad would start ${told} again as well; expected --failed, or ${end}`,
    ],
    2,
  );
}

/** How many of its tasks may run at a time; undefined where as many as there is room for. */
function maxWorkersOf({ TaskGroups }: NomadJob): number | undefined {
  const constraints = TaskGroups.find(({ Name }) => Name === GROUP)?.Constraints ?? [];
  const cap = constraints.find(({ Operand }) => Operand === "distinct_property");
  return cap && Number(cap.RTarget);
}

/** @throws UserError where Nomad would start more than may run */
function expectWithin(workers: number, { name, state }: SweepStatus, wanted: number): void {
  const problem = (found: string, expected: string) =>
    new UserError(
      [`${name}: ${found}, and Nomad would not keep to --max-workers ${workers}; ${expected}`],
      2,
    );
  if (state === "running") throw problem("it still runs", "expected its end, see sweep wait");
  if (wanted > workers)
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
