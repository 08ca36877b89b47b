import type { HomelabConfig } from "../config/schema.ts";
import { mounts } from "./mounts.ts";
import { secretsSpec } from "./secrets-spec.ts";
import { SECRETS_FILE, storageEnvironment } from "./storage-environment.ts";

/**
 * The environment of the server's task. Hostname and url yield what MLflow compares the Host and
 * Origin headers with, both literally, port included: each name at the url's port, and at the fixed
 * port on the client where there is one.
 * https://mlflow.org/docs/latest/self-hosting/security/network/
 *
 * @param url where clients reach MLflow
 */
export function serverEnvironment(config: HomelabConfig, url: string): Record<string, string> {
  const { protocol, hostname, port } = new URL(url);
  const names = unique([config.hostname, hostname]);
  const throughUrl = names.map((name) => (port ? `${name}:${port}` : name));
  const direct = config.job.port ? names.map((name) => `${name}:${config.job.port}`) : [];
  const hosts = [config.hostname, ...throughUrl, ...direct, ...config.server.allowedHosts];
  const origins = [
    ...throughUrl.map((host) => `${protocol}//${host}`),
    ...direct.map((host) => `http://${host}`),
    ...config.server.corsOrigins,
  ];
  return {
    ...config.server.env,
    ...storageEnvironment(config),
    HOMELAB_VOLUMES: mounts(config)
      .map(({ volume, destination }) => `${destination}=${volume.name}`)
      .join(" "),
    ...(Object.keys(secretsSpec(config).sources).length > 0
      ? { HOMELAB_SECRETS: SECRETS_FILE }
      : {}),
    HOMELAB_WORKERS: String(config.server.workers),
    MLFLOW_SERVER_ALLOWED_HOSTS: unique(hosts).join(","),
    MLFLOW_SERVER_CORS_ALLOWED_ORIGINS: unique(origins).join(","),
  };
}

function unique(values: readonly string[]): string[] {
  return [...new Set(values)];
}
