/** The lab of the tests, and where what they deploy to it is found. */
import { labSettings } from "../lab/settings.ts";
import { readLabState } from "../lab/state.ts";
import type { Work } from "../lab/work.ts";
import { NomadApi } from "../nomad/api.ts";

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

/** Paths of the Nomad variables that the deployment's jobs have; a failed sweep keeps its own for a retry. */
export async function variables(): Promise<string[]> {
  const all = await nomad.get<{ Path: string }[]>("/vars", { prefix: "nomad/jobs/mlflow" });
  return (all ?? []).map(({ Path }) => Path);
}
