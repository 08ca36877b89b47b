import type { HomelabConfig } from "../config/schema.ts";
import { poolSize } from "../config/storage.ts";

/** Where Nomad's template puts the task's secrets, as a container sees it. */
export const SECRETS_FILE = "/secrets/server.json";

/** The variables by which the image knows its stores; none for SQLite and volumes, its default. */
export function storageEnvironment({ storage, server }: HomelabConfig): Record<string, string> {
  const { backendStore } = storage;
  if (backendStore.type !== "postgresql") return {};
  return {
    HOMELAB_BACKEND_STORE: "postgresql",
    MLFLOW_SQLALCHEMYSTORE_POOL_SIZE: String(poolSize(backendStore.connections, server.workers)),
    // MLflow reads 0 as its default, ten.
    MLFLOW_SQLALCHEMYSTORE_MAX_OVERFLOW: "1",
  };
}

/** What a look at the stores has to know: the same, and what the servers will want of them. */
export function probeEnvironment(config: HomelabConfig): Record<string, string> {
  const { backendStore } = config.storage;
  return {
    ...config.server.env,
    ...storageEnvironment(config),
    HOMELAB_SECRETS: SECRETS_FILE,
    ...(backendStore.type === "postgresql"
      ? { HOMELAB_CONNECTIONS: String(backendStore.connections) }
      : {}),
  };
}
