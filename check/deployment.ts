import { setTimeout as sleep } from "node:timers/promises";
import { UserError } from "../config/errors.ts";
import type { NomadApi } from "../nomad/api.ts";
import type {
  NomadAllocation,
  NomadAllocationDetail,
  NomadCheckResult,
  NomadDeployment,
  NomadEvaluation,
  NomadJob,
  NomadPlacementFailure,
  NomadTaskState,
} from "../nomad/types.ts";

const POLL_MS = 500;
const LOG_LINES = 20;
/** A server that has less to become healthy in was late; in an emulated machine it takes twice as long. */
const LEFT_S = 15;

/**
 * Waits until Nomad has finished the job's deployment.
 *
 * @param deadline seconds it may take
 * @returns an allocation of each group that runs now, in the job's order
 * @throws UserError when the deployment failed, with Nomad's reason and the task's last log lines
 */
export async function waitForDeployment(
  nomad: NomadApi,
  job: string,
  deadline: number,
): Promise<NomadAllocationDetail[]> {
  const end = Date.now() + deadline * 1000;
  const { Version: wanted, TaskGroups } = await current(nomad, job);
  const groups = TaskGroups.map(({ Name }) => Name);
  let shown = "";
  while (Date.now() < end) {
    const deployment = await nomad.getPatiently<NomadDeployment>(`/job/${job}/deployment`);
    const failed = await failedDeployment(nomad, job, wanted);
    if (failed) throw await failure(nomad, job, wanted, failed.StatusDescription);
    if (deployment?.JobVersion === wanted && deployment.Status === "successful") {
      const running = await runningAllocations(nomad, job, wanted, groups);
      if (running.length === groups.length) return running;
    }
    const note = await progress(nomad, job, wanted);
    if (note !== shown) console.log(note);
    shown = note;
    await sleep(POLL_MS);
  }
  throw await failure(nomad, job, wanted, `not healthy after ${deadline} s`);
}

async function current(nomad: NomadApi, job: string): Promise<NomadJob> {
  const found = await nomad.getPatiently<NomadJob>(`/job/${job}`);
  if (!found)
    throw new UserError([`Nomad at ${nomad.address}: there is no job "${job}"; deploy again`]);
  return found;
}

async function failedDeployment(nomad: NomadApi, job: string, version: number) {
  const all = (await nomad.getPatiently<NomadDeployment[]>(`/job/${job}/deployments`)) ?? [];
  const latest = all.find((each) => each.JobVersion === version);
  return latest && ["failed", "cancelled"].includes(latest.Status) ? latest : undefined;
}

async function allocations(
  nomad: NomadApi,
  job: string,
  version: number,
): Promise<NomadAllocation[]> {
  const all = (await nomad.getPatiently<NomadAllocation[]>(`/job/${job}/allocations`)) ?? [];
  return all
    .filter((each) => each.JobVersion === version)
    .sort((a, b) => b.CreateIndex - a.CreateIndex);
}

async function runningAllocations(
  nomad: NomadApi,
  job: string,
  version: number,
  groups: readonly string[],
): Promise<NomadAllocationDetail[]> {
  const running = (await allocations(nomad, job, version)).filter(
    (each) => each.ClientStatus === "running" && each.DesiredStatus === "run",
  );
  const found = groups.flatMap((name) => running.find(({ TaskGroup }) => TaskGroup === name) ?? []);
  const details = await Promise.all(
    found.map(({ ID }) => nomad.getPatiently<NomadAllocationDetail>(`/allocation/${ID}`)),
  );
  return details.flatMap((each) => each ?? []);
}

/** One line on where the deployment stands. */
async function progress(nomad: NomadApi, job: string, version: number): Promise<string> {
  const [latest] = await allocations(nomad, job, version);
  if (!latest) {
    const reasons = await placementFailures(nomad, job);
    if (reasons.length > 0)
      return `waiting for a client that can run ${job}: ${reasons.join("; ")}`;
    return `waiting for Nomad to place ${job}`;
  }
  const event = lastEvents(latest).at(-1);
  return `allocation ${latest.ID.slice(0, 8)} on ${latest.NodeName}: ${latest.ClientStatus}${event ? `, ${event}` : ""}`;
}

async function failure(
  nomad: NomadApi,
  job: string,
  version: number,
  reason: string,
): Promise<UserError> {
  const lines = [`job ${job}, version ${version}: ${reason}`];
  const [latest] = await allocations(nomad, job, version);
  if (!latest) {
    const reasons = await placementFailures(nomad, job);
    lines.push(...reasons.map((each) => `job ${job} can't be placed: ${each}`));
    return new UserError(lines);
  }
  const where = `allocation ${latest.ID.slice(0, 8)} on ${latest.NodeName}`;
  lines.push(...lastEvents(latest).map((event) => `${where}: ${event}`));
  const lost = ["lost", "unknown"].includes(latest.ClientStatus);
  if (lost) lines.push(`${where}: the Nomad client does not answer any more; start it`);
  for (const [task, state] of Object.entries(latest.TaskStates ?? {})) {
    if (!lost && state.State === "running" && !state.Failed && state.Restarts === 0) {
      lines.push(`${where}: ${task} ${await whyUnhealthy(nomad, latest.ID, state)}`);
    }
    const log = await lastLogLines(nomad, latest.ID, task);
    lines.push(...log.map((line) => `${task}: ${line}`));
  }
  return new UserError(lines);
}

/** What is known of a task that runs, and is not healthy. */
async function whyUnhealthy(
  nomad: NomadApi,
  allocation: string,
  { Events, StartedAt }: NomadTaskState,
): Promise<string> {
  const times = (Events ?? []).map(({ Time }) => Time / 1e6);
  const started = Date.parse(StartedAt ?? "");
  const seconds = (from: number, to: number) => Math.round((to - from) / 1000);
  // Nomad says "Task not running" of servers that ran all the time as well.
  const left = seconds(started, Math.max(...times));
  const said = await checkOutput(nomad, allocation);
  return [
    `started ${seconds(Math.min(...times), started)} s after it was placed there`,
    `and its health check did not pass in the ${left} s that were left${said ? `: ${said}` : ""}`,
    ...(left < LEFT_S ? ["see what kept the client, or raise job.healthyDeadline"] : []),
  ].join("; ");
}

/** What a health check found that did not pass, where Nomad makes it. */
async function checkOutput(nomad: NomadApi, allocation: string): Promise<string | undefined> {
  const checks = await nomad
    .get<Record<string, NomadCheckResult>>(`/client/allocation/${allocation}/checks`)
    .catch(() => undefined);
  return Object.values(checks ?? {}).find(({ Status }) => Status === "failure")?.Output;
}

function lastEvents(allocation: NomadAllocation): string[] {
  const events = Object.values(allocation.TaskStates ?? {}).flatMap((state) => state.Events ?? []);
  const latest = events.sort((a, b) => a.Time - b.Time).slice(-3);
  return latest.map((event) => event.DisplayMessage.replaceAll("\n", " "));
}

/** What a task of an allocation said last on both of its outputs; nothing where Nomad can't tell. */
export async function lastLogLines(
  nomad: NomadApi,
  allocation: string,
  task: string,
): Promise<string[]> {
  const read = async (type: "stderr" | "stdout") => {
    const query = { task, type, plain: "true", origin: "end", offset: "8000" };
    const log = await nomad.getText(`/client/fs/logs/${allocation}`, query).catch(() => "");
    return (log ?? "").split("\n").filter((line) => line.trim() !== "");
  };
  return [...(await read("stdout")), ...(await read("stderr"))].slice(-LOG_LINES);
}

/** Why Nomad has found no client for a job. */
export async function placementFailures(nomad: NomadApi, job: string): Promise<string[]> {
  const evaluations =
    (await nomad.getPatiently<NomadEvaluation[]>(`/job/${job}/evaluations`)) ?? [];
  const latest = evaluations
    .sort((a, b) => b.CreateIndex - a.CreateIndex)
    .find((each) => Object.keys(each.FailedTGAllocs ?? {}).length > 0);
  return Object.values(latest?.FailedTGAllocs ?? {}).flatMap(explainPlacement);
}

/** Why Nomad has found no client, in words. */
export function explainPlacement(failure: NomadPlacementFailure): string[] {
  if (failure.NodesEvaluated === 0)
    return ["no Nomad client is ready in nomad.datacenters and nomad.nodePool"];
  return [
    ...Object.entries(failure.ConstraintFiltered ?? {}).map(
      ([constraint, count]) => `${count} of the clients refused by "${constraint}"`,
    ),
    ...Object.entries(failure.DimensionExhausted ?? {}).map(
      ([what, count]) => `not enough ${what} on ${count} of the clients`,
    ),
  ];
}
