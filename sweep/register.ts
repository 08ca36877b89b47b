/** A sweep becomes a job in Nomad. */
import { explainPlacement } from "../check/deployment.ts";
import { UserError } from "../config/errors.ts";
import type { NomadApi } from "../nomad/api.ts";
import type { NomadNode, NomadPlacementFailure } from "../nomad/types.ts";
import { GROUP, ONLY_ITEM, SECRETS_ITEM, variableOf } from "./in-nomad.ts";
import type { SweepInput } from "./input.ts";
import { exportsOf } from "./runner.ts";
import { registerSidecarsFirst } from "./sidecars/first.ts";
import { portsOf, TRACKER_GROUP } from "./sidecars/group.ts";

/** Exit code where Nomad has no client for the tasks. */
export const NO_PLACE = 4;
/** Bytes of secrets: Nomad keeps 64 KiB in a variable, names and quotes included. */
const MOST_SECRETS = 65_000;

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
  input: Pick<SweepInput, "name" | "tasks" | "cpu" | "memory" | "sidecars">,
  job: object,
): Promise<string[]> {
  const plan = await nomad.post<NomadPlan>(`/job/${input.name}/plan`, { Job: job, Diff: false });
  const sidecars = plan.FailedTGAllocs?.[TRACKER_GROUP];
  if (sidecars) await expectSidecarsPlace(nomad, input.sidecars, sidecars);
  const failure = plan.FailedTGAllocs?.[GROUP];
  if (!failure || failure.CoalescedFailures + 1 < input.tasks.length) return [];
  const reasons = whyNoPlace(failure);
  const tooLarge = failure.NodesExhausted > 0 ? await largerThanAll(nomad, input) : [];
  if (failure.NodesExhausted > 0 && tooLarge.length === 0)
    return [`no client has room just now (${reasons.join("; ")}); the tasks wait for it`];
  const why = tooLarge.length > 0 ? tooLarge : reasons;
  throw new UserError(
    why.map((each) => `no Nomad client can run the tasks: ${each}`),
    NO_PLACE,
  );
}

/** Sidecars that have no room are placed before the tasks; only those that no client takes are refused. */
async function expectSidecarsPlace(
  nomad: NomadApi,
  sidecars: SweepInput["sidecars"],
  failure: NomadPlacementFailure,
): Promise<void> {
  const sum = (of: "cpu" | "memory") => sidecars.reduce((all, each) => all + each[of], 0);
  const needed = { cpu: sum("cpu"), memory: sum("memory") };
  const tooLarge = failure.NodesExhausted > 0 ? await largerThanAll(nomad, needed, "") : [];
  if (failure.NodesExhausted > 0 && tooLarge.length === 0) return;
  const why = tooLarge.length > 0 ? tooLarge : whyNoPlace(failure);
  throw new UserError(
    why.map((each) => `no Nomad client can run the sidecars: ${each}`),
    NO_PLACE,
  );
}

async function largerThanAll(
  nomad: NomadApi,
  { cpu, memory }: Pick<SweepInput, "cpu" | "memory">,
  prefix = "--",
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
    ...(cpu > mhz ? [`${prefix}cpu ${cpu} MHz: the largest has ${mhz}`] : []),
    ...(memory > mib ? [`${prefix}memory ${memory} MiB: the largest has ${mib}`] : []),
  ];
}

/** Why no client takes a job that may have the volume for files, and what to do. */
export function whyNoPlace(failure: NomadPlacementFailure): string[] {
  return explainPlacement(failure).map((why) =>
    why.includes("volume") ? `${why}; make deploy brings volumes.files to the clients` : why,
  );
}

/** @throws UserError where a job of that name is there already */
export async function expectFreeName(nomad: NomadApi, name: string): Promise<void> {
  const there = await nomad.get(`/job/${name}`);
  if (there)
    throw new UserError([`--name ${name}: Nomad has a job of that name; expected another one`], 2);
}

/**
 * What the sweep's variable has of its secrets: lines of a shell.
 *
 * @param secrets by the names of their variables
 * @throws UserError where that is more than Nomad keeps
 */
export function secretsText(
  secrets: Readonly<Record<string, string>>,
  { sidecars }: Pick<SweepInput, "sidecars">,
): string {
  const text = `${exportsOf(secrets, portsOf(sidecars)).join("\n")}\n`;
  const bytes = Buffer.byteLength(text);
  if (bytes <= MOST_SECRETS) return text;
  throw new UserError(
    [`--secret-env: found ${bytes} bytes in all; expected at most ${MOST_SECRETS}`],
    2,
  );
}

/**
 * Writes the sweep's variable and registers its job.
 *
 * @param secrets see secretsText; undefined where the tasks read no variable
 * @returns what the user should know, one line each
 */
export async function register(
  nomad: NomadApi,
  { name, sidecars }: Pick<SweepInput, "name" | "sidecars">,
  secrets: string | undefined,
  job: object,
): Promise<string[]> {
  const path = variableOf(name);
  if (secrets !== undefined) {
    // An item is never empty.
    const items = { [SECRETS_ITEM]: secrets, [ONLY_ITEM]: "\n" };
    await nomad.put(`/var/${path}`, { Path: path, Items: items });
  }
  try {
    // Of two at a time with one name, one is refused.
    if (sidecars.length === 0)
      await nomad.post("/jobs", { Job: job, EnforceIndex: true, JobModifyIndex: 0 });
    else if (!(await registerSidecarsFirst(nomad, name, job, GROUP)))
      return ["no client has room for the sidecars just now; the tasks wait for them"];
  } catch (error) {
    if (secrets !== undefined && !(await nomad.get(`/job/${name}`)))
      await nomad.delete(`/var/${path}`);
    throw error;
  }
  if (secrets === undefined) await forgetEarlier(nomad, path);
  return [];
}

/** Removes the secrets that an earlier sweep of a name has left, where Nomad lets us. */
async function forgetEarlier(nomad: NomadApi, path: string): Promise<void> {
  try {
    await nomad.delete(`/var/${path}`);
  } catch (error) {
    // The sweep that was registered before this is none the worse for it.
    if (!(error instanceof UserError)) throw error;
  }
}
