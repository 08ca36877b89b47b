import type { HomelabConfig } from "../config/schema.ts";

/**
 * The environment of the server's task. The hostname and the url yield what MLflow compares the
 * Host and Origin headers with: both literally, port included.
 * https://mlflow.org/docs/latest/self-hosting/security/network/
 *
 * @param url where clients reach MLflow
 */
export function serverEnvironment(config: HomelabConfig, url: string): Record<string, string> {
  const { host, origin } = new URL(url);
  const hosts = [config.hostname, host, ...config.server.allowedHosts];
  const origins = [origin, ...config.server.corsOrigins];
  const { backendStore, artifacts } = config.volumes;
  return {
    ...config.server.env,
    HOMELAB_VOLUMES: `/mnt/backend_store=${backendStore.name} /mnt/artifacts=${artifacts.name}`,
    HOMELAB_WORKERS: String(config.server.workers),
    MLFLOW_SERVER_ALLOWED_HOSTS: unique(hosts).join(","),
    MLFLOW_SERVER_CORS_ALLOWED_ORIGINS: unique(origins).join(","),
  };
}

function unique(values: readonly string[]): string[] {
  return [...new Set(values)];
}
