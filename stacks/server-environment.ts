import { artifactsServerUrl } from "../config/artifacts-server.ts";
import type { HomelabConfig } from "../config/schema.ts";
import { authEnvironment } from "./auth-environment.ts";
import { mountsOf, type ServerTask } from "./mounts.ts";
import { secretsOf } from "./secrets-spec.ts";
import {
  SECRETS_FILE,
  SERVER_CERTIFICATE_FILE,
  storageEnvironmentOf,
} from "./storage-environment.ts";

/**
 * The environment of a server's task. Hostname and url yield what MLflow compares the Host and
 * Origin headers with, both literally, port included: each name at the url's port, and at the fixed
 * port on the client where there is one.
 * https://mlflow.org/docs/latest/self-hosting/security/network/
 *
 * @param url where clients reach MLflow
 */
export function serverEnvironment(
  config: HomelabConfig,
  url: string,
  task: ServerTask = "server",
): Record<string, string> {
  const { protocol, hostname, port } = new URL(url);
  const { artifactsServer } = config.storage;
  const other = new URL(artifactsServerUrl(config.storage, url)).hostname;
  const names = unique([config.hostname, hostname, ...(task === "artifacts" ? [other] : [])]);
  const throughUrl = names.map((name) => (port ? `${name}:${port}` : name));
  const direct = config.job.port ? names.map((name) => `${name}:${config.job.port}`) : [];
  const hosts = [config.hostname, ...throughUrl, ...direct, ...config.server.allowedHosts];
  const origins = [
    ...throughUrl.map((host) => `${protocol}//${host}`),
    ...direct.map((host) => `${config.server.tls ? "https" : "http"}://${host}`),
    ...config.server.corsOrigins,
  ];
  const workers = task === "artifacts" ? artifactsServer?.workers : config.server.workers;
  return {
    ...(artifactsServer && task === "server" ? clientOfArtifacts(config, url) : {}),
    ...config.server.env,
    ...storageEnvironmentOf(config, task, url),
    ...authEnvironment(config),
    HOMELAB_VOLUMES: mountsOf(config, task)
      .map(({ volume, destination }) => `${destination}=${volume.name}`)
      .join(" "),
    ...(Object.keys(secretsOf(config, task).sources).length > 0
      ? { HOMELAB_SECRETS: SECRETS_FILE }
      : {}),
    ...(config.server.tls && task === "server"
      ? { HOMELAB_TLS_CERTIFICATE: SERVER_CERTIFICATE_FILE.path }
      : {}),
    ...(config.server.staticPrefix ? { MLFLOW_STATIC_PREFIX: config.server.staticPrefix } : {}),
    // Of uploads and downloads there are none, and the other server answers nothing else.
    ...(config.server.prometheus && task === "server" ? { HOMELAB_PROMETHEUS: "yes" } : {}),
    HOMELAB_WORKERS: String(workers),
    MLFLOW_SERVER_ALLOWED_HOSTS: unique(hosts).join(","),
    MLFLOW_SERVER_CORS_ALLOWED_ORIGINS: unique(origins).join(","),
  };
}

/** The server for runs asks the other one for what its UI shows of artifacts. */
function clientOfArtifacts({ server }: HomelabConfig, url: string): Record<string, string> {
  return {
    // MLflow itself sets its variable to the database's URI.
    HOMELAB_ARTIFACTS_SERVER: server.env.MLFLOW_TRACKING_URI ?? url,
    // By default it would try for minutes, and a page of the UI would wait as long.
    MLFLOW_HTTP_REQUEST_MAX_RETRIES: "2",
  };
}

function unique(values: readonly string[]): string[] {
  return [...new Set(values)];
}
