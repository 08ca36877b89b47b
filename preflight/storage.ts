import type { HomelabConfig } from "../config/schema.ts";
import type { SecretSource } from "../config/secret.ts";
import { artifactsPlace } from "../config/storage.ts";
import { NomadApi } from "../nomad/api.ts";
import { OWNER_META } from "../nomad/owner.ts";
import { readKinds, STORAGE_META } from "../nomad/storage-meta.ts";
import { nomadTarget } from "../nomad/target.ts";
import type { NomadJob } from "../nomad/types.ts";
import { readSecret } from "../secrets/read.ts";
import { databaseUriProblem, mysqlPasswordProblem, tlsOptionProblem } from "./database-uri.ts";

/** Would the job lose sight of its data? Is the database's URI one, or its password? */
export async function probeStorage(config: HomelabConfig): Promise<string[]> {
  return [...probeUris(config), ...probePassword(config), ...(await probeChange(config))];
}

function probePassword({ storage: { backendStore } }: HomelabConfig): string[] {
  if (backendStore.type !== "managed-mysql") return [];
  const password = readSecret(backendStore.password);
  const problem = password && mysqlPasswordProblem(password);
  return problem ? [`storage.backendStore.password: ${problem}`] : [];
}

function probeUris({ storage }: HomelabConfig): string[] {
  const { backendStore, registryStore } = storage;
  const found = [
    ...("uri" in backendStore ? uriProblems("storage.backendStore", backendStore) : []),
    ...("uri" in registryStore ? uriProblems("storage.registryStore", registryStore) : []),
  ];
  if (found.length > 0 || !("uri" in backendStore) || !("uri" in registryStore)) return found;
  const uri = readSecret(registryStore.uri);
  if (uri === undefined || uri !== readSecret(backendStore.uri)) return [];
  return [
    "storage.registryStore.uri: found the database of storage.backendStore; leave out storage.registryStore, and the models are there",
  ];
}

interface OwnDatabase {
  readonly type: "postgresql" | "mysql";
  readonly uri: SecretSource;
  readonly caBundle?: string;
}

function uriProblems(key: string, { type, uri, caBundle }: OwnDatabase): string[] {
  const text = readSecret(uri);
  // What is missing is told with the other secrets.
  const problem =
    text &&
    (databaseUriProblem(text, type) ?? (caBundle ? tlsOptionProblem(text, key) : undefined));
  return problem ? [`${key}.uri: ${problem}`] : [];
}

/** Of a Nomad that does not answer another probe tells. */
async function probeChange(config: HomelabConfig): Promise<string[]> {
  const name = config.job.name;
  const job = await new NomadApi(nomadTarget(config))
    .get<NomadJob>(`/job/${name}`)
    .catch(() => undefined);
  if (!job?.Meta?.[OWNER_META]) return [];
  const found = readKinds(job.Meta[STORAGE_META]);
  const { backendStore, registryStore, artifacts } = config.storage;
  const told = (key: keyof typeof found, what: string, wanted: string, replaces?: string) =>
    found[key] === wanted || replaces === found[key]
      ? []
      : [
          `storage.${key}: the job "${name}" keeps its ${what} in ${found[key]}, and would not see them with ${wanted}, as nothing is moved; keep ${found[key]}, or set storage.${key}.replaces to "${found[key]}" to begin with what is in ${wanted}`,
        ];
  return [
    ...told("backendStore", "runs", backendStore.type, backendStore.replaces),
    ...told("registryStore", "models", registryStore.type, registryStore.replaces),
    ...told("artifacts", "artifacts", artifactsPlace(config.storage), artifacts.replaces),
  ];
}
