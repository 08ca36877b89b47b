/** The lab of the tests, and where what they deploy to it is found. */
import { labSettings } from "../lab/settings.ts";
import { readLabState } from "../lab/state.ts";
import type { Work } from "../lab/work.ts";
import { NomadApi } from "../nomad/api.ts";
import type { NomadAllocation } from "../nomad/types.ts";

export const settings = labSettings();

/** For servers beside the lab, started without a word. */
export const work: Work = { settings, signal: new AbortController().signal, say: () => {} };

/** MLflow through Traefik. */
export const url = `http://localhost:${settings.ports.traefik}`;

export const nomad = new NomadApi({
  address: `http://127.0.0.1:${settings.ports.nomadHttp}`,
  region: "global",
  namespace: "default",
});

const state = readLabState(settings);
/** The lab's Docker daemon, which is also that of its Nomad client. */
export const dockerHost = state?.dockerHost ?? "";
/** The nomad command. */
export const nomadBinary = state?.nomadBinary ?? "nomad";

/**
 * The allocations of a job that are to run, and do: not those that are on their way out.
 *
 * @param from whom to ask. Default: the lab's Nomad.
 */
export async function runningAllocations(job = "mlflow", from = nomad): Promise<NomadAllocation[]> {
  const all = (await from.get<NomadAllocation[]>(`/job/${job}/allocations`)) ?? [];
  return all.filter((each) => each.ClientStatus === "running" && each.DesiredStatus === "run");
}

/** The ids of MLflow's, which are others once a deploy has replaced its servers. */
export async function runningIds(): Promise<string[]> {
  return (await runningAllocations()).map(({ ID }) => ID);
}

/** Paths of the Nomad variables that the deployment's jobs have; a failed sweep keeps its own for a retry. */
export async function variables(): Promise<string[]> {
  const all = await nomad.get<{ Path: string }[]>("/vars", { prefix: "nomad/jobs/mlflow" });
  return (all ?? []).map(({ Path }) => Path);
}
