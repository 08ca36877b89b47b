import type { HomelabConfig } from "../config/schema.ts";
import { artifactsPlace } from "../config/storage.ts";
import { NomadApi } from "../nomad/api.ts";
import { OWNER_META } from "../nomad/owner.ts";
import { readKinds, STORAGE_META } from "../nomad/storage-meta.ts";
import { nomadTarget } from "../nomad/target.ts";
import type { NomadJob } from "../nomad/types.ts";
import { readSecret } from "../secrets/read.ts";
import { databaseUriProblem, tlsOptionProblem } from "./database-uri.ts";

/** Would the job lose sight of its data? Is the database's URI one? */
export async function probeStorage(config: HomelabConfig): Promise<string[]> {
  return [...probeUri(config), ...(await probeChange(config))];
}

function probeUri({ storage: { backendStore } }: HomelabConfig): string[] {
  if (!("uri" in backendStore)) return [];
  const uri = readSecret(backendStore.uri);
  // What is missing is told with the other secrets.
  const problem =
    uri &&
    (databaseUriProblem(uri, backendStore.type) ??
      (backendStore.caBundle ? tlsOptionProblem(uri) : undefined));
  return problem ? [`storage.backendStore.uri: ${problem}`] : [];
}

/** Of a Nomad that does not answer another probe tells. */
async function probeChange(config: HomelabConfig): Promise<string[]> {
  const name = config.job.name;
  const job = await new NomadApi(nomadTarget(config))
    .get<NomadJob>(`/job/${name}`)
    .catch(() => undefined);
  if (!job?.Meta?.[OWNER_META]) return [];
  const found = readKinds(job.Meta[STORAGE_META]);
  const { backendStore, artifacts } = config.storage;
  const told = (key: keyof typeof found, what: string, wanted: string, replaces?: string) =>
    found[key] === wanted || replaces === found[key]
      ? []
      : [
          `storage.${key}: the job "${name}" keeps its ${what} in ${found[key]}, and would not see them with ${wanted}, as nothing is moved; keep ${found[key]}, or set storage.${key}.replaces to "${found[key]}" to begin with what is in ${wanted}`,
        ];
  return [
    ...told("backendStore", "runs", backendStore.type, backendStore.replaces),
    ...told("artifacts", "artifacts", artifactsPlace(config.storage), artifacts.replaces),
  ];
}
