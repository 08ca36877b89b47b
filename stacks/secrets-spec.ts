import {
  databaseJob,
  isManaged,
  type ManagedDatabase,
  managedKind,
} from "../config/managed-database.ts";
import type { HomelabConfig } from "../config/schema.ts";
import { ARTIFACTS_GROUP } from "../nomad/groups.ts";
import { nomadTarget } from "../nomad/target.ts";
import type { NamedSource, SecretsSpec } from "../secrets/spec.ts";
import type { ServerTask } from "./mounts.ts";

type Sources = [name: string, source: NamedSource][];

/** All secrets of a config, by the environment variables they become. */
export function secretsSpec(config: HomelabConfig): SecretsSpec {
  return spec(config, [...ofRuns(config), ...ofArtifacts(config)]);
}

/** Those of one task: what it does not need it does not see. */
export function secretsOf(config: HomelabConfig, task: ServerTask): SecretsSpec {
  const apart = config.storage.artifactsServer !== undefined;
  if (task === "server") return apart ? spec(config, ofRuns(config)) : secretsSpec(config);
  return {
    ...spec(config, apart ? ofArtifacts(config) : []),
    task: `${ARTIFACTS_GROUP.name}/${ARTIFACTS_GROUP.task}`,
  };
}

/** Those of each task that a config has. */
export function secretsSpecs(config: HomelabConfig): SecretsSpec[] {
  const tasks: ServerTask[] = config.storage.artifactsServer ? ["server", "artifacts"] : ["server"];
  return tasks.map((task) => secretsOf(config, task));
}

/** The name of the password of the database that a deploy runs, among its secrets. */
export const DATABASE_SECRET = "password";

/** The variable by which the server knows that password. */
const DATABASE_PASSWORD = "HOMELAB_DATABASE_PASSWORD";

/** The secrets of the database that a deploy runs; nothing where it runs none. */
export function databaseSecretsSpec(config: HomelabConfig): SecretsSpec | undefined {
  const { backendStore } = config.storage;
  if (!isManaged(backendStore)) return undefined;
  const kind = managedKind(backendStore);
  return {
    nomad: nomadTarget(config),
    job: databaseJob(config.job.name, kind),
    task: `svc/${kind}`,
    sources: { [DATABASE_SECRET]: passwordOf(backendStore) },
  };
}

function passwordOf({ password }: ManagedDatabase): NamedSource {
  return { key: "storage.backendStore.password", source: password };
}

function spec(config: HomelabConfig, sources: Sources): SecretsSpec {
  return {
    nomad: nomadTarget(config),
    job: config.job.name,
    sources: Object.fromEntries(sources),
  };
}

function ofRuns({ server, storage: { backendStore, registryStore } }: HomelabConfig): Sources {
  const sources = Object.entries(server.secrets).map(([name, source]): Sources[number] => [
    name,
    { key: `server.secrets.${name}`, source },
  ]);
  if ("uri" in backendStore)
    sources.push([
      "MLFLOW_BACKEND_STORE_URI",
      { key: "storage.backendStore.uri", source: backendStore.uri },
    ]);
  if ("uri" in registryStore)
    sources.push([
      "MLFLOW_REGISTRY_STORE_URI",
      { key: "storage.registryStore.uri", source: registryStore.uri },
    ]);
  if (isManaged(backendStore)) sources.push([DATABASE_PASSWORD, passwordOf(backendStore)]);
  if (server.tls)
    sources.push(["HOMELAB_TLS_KEY", { key: "server.tls.key", source: server.tls.key }]);
  const { auth } = server;
  if (auth.type === "basic")
    sources.push(
      [
        "MLFLOW_AUTH_ADMIN_PASSWORD",
        { key: "server.auth.admin.password", source: auth.admin.password },
      ],
      ["MLFLOW_FLASK_SERVER_SECRET_KEY", { key: "server.auth.secretKey", source: auth.secretKey }],
    );
  return sources;
}

function ofArtifacts({ storage: { artifacts } }: HomelabConfig): Sources {
  if (artifacts.type !== "s3" || !artifacts.credentials) return [];
  const { credentials } = artifacts;
  return (
    [
      ["AWS_ACCESS_KEY_ID", "accessKeyId"],
      ["AWS_SECRET_ACCESS_KEY", "secretAccessKey"],
    ] as const
  ).map(([name, key]) => [
    name,
    { key: `storage.artifacts.credentials.${key}`, source: credentials[key] },
  ]);
}
