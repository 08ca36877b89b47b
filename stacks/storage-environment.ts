import { artifactRoot } from "../config/artifacts-server.ts";
import type { HomelabConfig } from "../config/schema.ts";
import { databaseKind, poolSize, poolsOfWorker, type S3Artifacts } from "../config/storage.ts";
import { authEnvironment } from "./auth-environment.ts";
import type { ServerTask } from "./mounts.ts";

/** Where Nomad's template puts the task's secrets, as a container sees it. */
export const SECRETS_FILE = "/secrets/server.json";

/** Where Nomad's template puts the certificates of the S3 endpoint's authority: in the task, and in the container. */
export const S3_CA_FILE = { destination: "local/s3-ca.pem", path: "/local/s3-ca.pem" };

/** Where Nomad's template puts the address of the PostgreSQL that the deploy runs. */
export const DATABASE_FILE = { destination: "local/database.json", path: "/local/database.json" };

/** The same for the authority of the database's certificate. */
export const DATABASE_CA_FILE = {
  destination: "local/database-ca.pem",
  path: "/local/database-ca.pem",
};

/** The same for the server's own certificate. */
export const SERVER_CERTIFICATE_FILE = {
  destination: "local/server.pem",
  path: "/local/server.pem",
};

/** The variables by which the image knows its stores; none for SQLite and volumes, its default. */
export function storageEnvironment(config: HomelabConfig): Record<string, string> {
  return { ...backendStoreEnvironment(config), ...artifactsEnvironment(config) };
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
    ...backendStoreEnvironment(config),
    HOMELAB_ARTIFACTS: artifactRoot(config.storage, url),
    HOMELAB_ARTIFACTS_ACCESS: "direct",
  };
}

function backendStoreEnvironment({ storage, server, job }: HomelabConfig): Record<string, string> {
  const { backendStore } = storage;
  if (backendStore.type === "sqlite") return {};
  const ofWorker = poolsOfWorker(server);
  const size = poolSize(backendStore.connections, server.workers, job.count, ofWorker);
  return {
    HOMELAB_BACKEND_STORE: databaseKind(backendStore),
    MLFLOW_SQLALCHEMYSTORE_POOL_SIZE: String(size),
    // MLflow reads 0 as its default, ten.
    MLFLOW_SQLALCHEMYSTORE_MAX_OVERFLOW: "1",
    ...(backendStore.type === "managed-postgresql" ? { HOMELAB_DATABASE: DATABASE_FILE.path } : {}),
    ...("caBundle" in backendStore && backendStore.caBundle ? tls(backendStore.type) : {}),
  };
}

function artifactsEnvironment({ storage: { artifacts } }: HomelabConfig): Record<string, string> {
  return artifacts.type === "s3" ? s3(artifacts) : {};
}

/** libpq has variables for it, MySQL's driver reads it in the URI. */
function tls(type: string): Record<string, string> {
  const { path } = DATABASE_CA_FILE;
  if (databaseKind({ type }) === "mysql") return { HOMELAB_DATABASE_CA: path };
  return { PGSSLMODE: "verify-full", PGSSLROOTCERT: path };
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
  const { backendStore } = config.storage;
  return {
    ...config.server.env,
    ...storageEnvironment(config),
    ...authEnvironment(config),
    HOMELAB_SECRETS: SECRETS_FILE,
    ...(backendStore.type === "sqlite"
      ? {}
      : { HOMELAB_CONNECTIONS: String(backendStore.connections) }),
  };
}
