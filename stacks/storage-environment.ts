import { artifactRoot } from "../config/artifacts-server.ts";
import { databaseKind } from "../config/backend-store.ts";
import { isManaged } from "../config/managed-database.ts";
import { pooledDatabases, poolSize } from "../config/pools.ts";
import type { HomelabConfig } from "../config/schema.ts";
import type { S3Artifacts } from "../config/storage.ts";
import { authEnvironment } from "./auth-environment.ts";
import type { ServerTask } from "./mounts.ts";

/** Where Nomad's template puts the task's secrets, as a container sees it. */
export const SECRETS_FILE = "/secrets/server.json";

/** Where Nomad's template puts the certificates of the S3 endpoint's authority: in the task, and in the container. */
export const S3_CA_FILE = { destination: "local/s3-ca.pem", path: "/local/s3-ca.pem" };

/** Where Nomad's template puts the address of the database that the deploy runs. */
export const DATABASE_FILE = { destination: "local/database.json", path: "/local/database.json" };

/** The same for the authorities of the databases' certificates. */
export const DATABASE_CA_FILES = {
  backendStore: { destination: "local/database-ca.pem", path: "/local/database-ca.pem" },
  registryStore: { destination: "local/registry-ca.pem", path: "/local/registry-ca.pem" },
};

/** The same for the server's own certificate. */
export const SERVER_CERTIFICATE_FILE = {
  destination: "local/server.pem",
  path: "/local/server.pem",
};

/** The variables by which the image knows its stores; none for SQLite and volumes, its default. */
export function storageEnvironment(config: HomelabConfig): Record<string, string> {
  return { ...databasesEnvironment(config), ...artifactsEnvironment(config) };
}

/** The same for one task, where each of two has its part. */
export function storageEnvironmentOf(
  config: HomelabConfig,
  task: ServerTask,
  url: string,
): Record<string, string> {
  const { artifactsServer } = config.storage;
  if (!artifactsServer) return storageEnvironment(config);
  if (task === "artifacts")
    return { ...artifactsEnvironment(config), HOMELAB_BACKEND_STORE: "none" };
  return {
    ...databasesEnvironment(config),
    HOMELAB_ARTIFACTS: artifactRoot(config.storage, url),
    HOMELAB_ARTIFACTS_ACCESS: "direct",
  };
}

function databasesEnvironment({ storage, server, job }: HomelabConfig): Record<string, string> {
  const { backendStore, registryStore } = storage;
  const databases = pooledDatabases(storage, server.auth);
  if (databases.length === 0) return {};
  const size = poolSize(databases, { workers: server.workers, count: job.count });
  return {
    ...("connections" in backendStore ? databaseEnvironment("backendStore", backendStore) : {}),
    ...("connections" in registryStore ? databaseEnvironment("registryStore", registryStore) : {}),
    MLFLOW_SQLALCHEMYSTORE_POOL_SIZE: String(size),
    // MLflow reads 0 as its default, ten.
    MLFLOW_SQLALCHEMYSTORE_MAX_OVERFLOW: "1",
    ...(isManaged(backendStore) ? { HOMELAB_DATABASE: DATABASE_FILE.path } : {}),
  };
}

/** Names of variables that tell of each, less their ends. */
const VARIABLES = {
  backendStore: "HOMELAB_BACKEND_STORE",
  registryStore: "HOMELAB_REGISTRY_STORE",
};

function databaseEnvironment(
  key: keyof typeof VARIABLES,
  store: { readonly type: string; readonly caBundle?: string },
): Record<string, string> {
  return {
    [VARIABLES[key]]: databaseKind(store),
    ...(store.caBundle ? { [`${VARIABLES[key]}_CA`]: DATABASE_CA_FILES[key].path } : {}),
  };
}

function artifactsEnvironment({ storage: { artifacts } }: HomelabConfig): Record<string, string> {
  return artifacts.type === "s3" ? s3(artifacts) : {};
}

function s3(artifacts: S3Artifacts): Record<string, string> {
  const { bucket, prefix, endpoint, region, caBundle, access } = artifacts;
  const { pathStyle = endpoint !== undefined } = artifacts;
  return {
    HOMELAB_ARTIFACTS: `s3://${bucket}/${prefix}`,
    HOMELAB_ARTIFACTS_ACCESS: access,
    AWS_DEFAULT_REGION: region,
    MLFLOW_BOTO_CLIENT_ADDRESSING_STYLE: pathStyle ? "path" : "virtual",
    ...(endpoint ? { MLFLOW_S3_ENDPOINT_URL: endpoint } : {}),
    ...(caBundle ? { AWS_CA_BUNDLE: S3_CA_FILE.path } : {}),
  };
}

/** What a look at the stores has to know: the same, and what the servers will want of them. */
export function probeEnvironment(config: HomelabConfig): Record<string, string> {
  return {
    ...config.server.env,
    ...storageEnvironment(config),
    ...authEnvironment(config),
    HOMELAB_SECRETS: SECRETS_FILE,
    ...Object.fromEntries(
      pooledDatabases(config.storage, config.server.auth).map(({ key, connections }) => [
        `${VARIABLES[key]}_CONNECTIONS`,
        String(connections),
      ]),
    ),
  };
}
