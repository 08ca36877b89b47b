/** A sweep becomes a job in Nomad. */
import { explainPlacement } from "../check/deployment.ts";
import { UserError } from "../config/errors.ts";
import type { NomadApi } from "../nomad/api.ts";
import type { NomadNode, NomadPlacementFailure } from "../nomad/types.ts";
import { readSecrets } from "../secrets/read.ts";
import type { SecretSources } from "../secrets/spec.ts";
import type { SweepInput } from "./input.ts";
import { GROUP, ONLY_ITEM, SECRETS_ITEM, TASK, variableOf } from "./job.ts";
import { exportsOf } from "./runner.ts";

/** Exit code where Nomad has no client for the tasks. */
export const NO_PLACE = 4;

/** Of what a sweep that is gone has left, an hour after it was written. */
const LEFT_NS = 3_600e9;

/** Nomad's answer to a plan: https://developer.hashicorp.com/nomad/api-docs/jobs#create-job-plan */
interface NomadPlan {
  readonly FailedTGAllocs: Readonly<Record<string, NomadPlacementFailure>> | null;
}

/** The job as Nomad reads it. */
export function parseJob(nomad: NomadApi, JobHCL: string): Promise<object> {
  return nomad.post<object>("/jobs/parse", { JobHCL, Canonicalize: true });
}

/**
 * Asks Nomad whether it could place the tasks.
 *
 * @returns what the user should know, one line each: that the tasks wait for room, say
 * @throws UserError with exit code 4 and Nomad's reasons where no client will ever do
 */
export async function expectPlace(
  nomad: NomadApi,
  input: Pick<SweepInput, "name" | "tasks" | "cpu" | "memory">,
  job: object,
): Promise<string[]> {
  const plan = await nomad.post<NomadPlan>(`/job/${input.name}/plan`, { Job: job, Diff: false });
  const failure = plan.FailedTGAllocs?.[GROUP];
  if (!failure || failure.CoalescedFailures + 1 < input.tasks.length) return [];
  const reasons = explainPlacement(failure);
  const tooLarge = failure.NodesExhausted > 0 ? await largerThanAll(nomad, input) : [];
  if (failure.NodesExhausted > 0 && tooLarge.length === 0)
    return [`no client has room just now (${reasons.join("; ")}); the tasks wait for it`];
  const why = tooLarge.length > 0 ? tooLarge : reasons;
  throw new UserError(
    why.map((each) => `no Nomad client can run the tasks: ${each}`),
    NO_PLACE,
  );
}

async function largerThanAll(
  nomad: NomadApi,
  { cpu, memory }: Pick<SweepInput, "cpu" | "memory">,
): Promise<string[]> {
  const nodes = (await nomad.get<NomadNode[]>("/nodes", { resources: "true" })) ?? [];
  const ready = nodes.filter(({ Status }) => Status === "ready");
  const most = (of: (node: NomadNode) => number) => Math.max(0, ...ready.map(of));
  const mhz = most(
    ({ NodeResources: has, ReservedResources: kept }) =>
      (has?.Cpu.CpuShares ?? 0) - (kept?.Cpu.CpuShares ?? 0),
  );
  const mib = most(
    ({ NodeResources: has, ReservedResources: kept }) =>
      (has?.Memory.MemoryMB ?? 0) - (kept?.Memory.MemoryMB ?? 0),
  );
  return [
    ...(cpu > mhz ? [`--cpu ${cpu} MHz: the largest has ${mhz}`] : []),
    ...(memory > mib ? [`--memory ${memory} MiB: the largest has ${mib}`] : []),
  ];
}

/** @throws UserError where a job of that name is there already */
export async function expectFreeName(nomad: NomadApi, name: string): Promise<void> {
  const there = await nomad.get(`/job/${name}`);
  if (there)
    throw new UserError([`--name ${name}: Nomad has a job of that name; expected another one`], 2);
}

/** Writes the sweep's variable and registers its job. */
export async function register(
  nomad: NomadApi,
  name: string,
  job: object,
  secrets: SecretSources,
): Promise<void> {
  const exports = exportsOf(readSecrets(secrets)).join("\n");
  await nomad.put(`/var/${variableOf(name)}`, {
    Path: variableOf(name),
    // An item is never empty.
    Items: { [SECRETS_ITEM]: `${exports}\n`, [ONLY_ITEM]: "\n" },
  });
  try {
    // Of two at a time with one name, one is refused.
    await nomad.post("/jobs", { Job: job, EnforceIndex: true, JobModifyIndex: 0 });
  } catch (error) {
    if (!(await nomad.get(`/job/${name}`))) await nomad.delete(`/var/${variableOf(name)}`);
    throw error;
  }
}

/** Removes the variables of sweeps that Nomad has forgotten, where it lets us. */
export async function removeLeftovers(nomad: NomadApi): Promise<void> {
  try {
    await removeOld(nomad);
  } catch (error) {
    // The sweep that was registered before this is none the worse for it.
    if (!(error instanceof UserError)) throw error;
  }
}

async function removeOld(nomad: NomadApi): Promise<void> {
  const all =
    (await nomad.get<{ Path: string; ModifyTime: number }[]>("/vars", { prefix: "nomad/jobs/" })) ??
    [];
  for (const { Path, ModifyTime } of all) {
    const name = new RegExp(`^nomad/jobs/([^/]+)/${GROUP}/${TASK}$`).exec(Path)?.[1];
    if (!name || Date.now() * 1e6 - ModifyTime < LEFT_NS) continue;
    if ((await nomad.get(`/job/${name}`)) || !(await isOfSweep(nomad, Path))) continue;
    await nomad.delete(`/var/${Path}`);
  }
}

/** Somebody else's job may have a group and a task of those names. */
async function isOfSweep(nomad: NomadApi, path: string): Promise<boolean> {
  const variable = await nomad.get<{ Items: Readonly<Record<string, string>> }>(`/var/${path}`);
  const items = Object.keys(variable?.Items ?? {}).sort();
  return items.join() === [ONLY_ITEM, SECRETS_ITEM].sort().join();
}
