import { clientUrl } from "../config/client-url.ts";
import type { HomelabConfig } from "../config/schema.ts";
import type { Connection } from "./connection.ts";
import type { ClientSettings } from "./settings.ts";

/** What the checks are about: a client's settings, and the deployment that they should lead to. */
export interface Subject {
  readonly config: HomelabConfig;
  /** MLflow's version in the image. */
  readonly mlflowVersion: string;
  readonly settings: ClientSettings;
  /** The server that the client asks. */
  readonly url: URL;
  readonly connection: Connection;
}

/**
 * Whether a URL leads to the deployment, by any of its names: its own, the hostname's, those of the
 * fixed port, and what server.allowedHosts adds.
 */
export function isOfDeployment(url: URL, config: HomelabConfig): boolean {
  const own = new URL(clientUrl(config));
  const same = (host: string) => url.host === host.toLowerCase();
  if (url.pathname.replace(/\/$/, "") !== own.pathname.replace(/\/$/, "")) return false;
  const names = [own.hostname, config.hostname];
  const suffix = own.port ? `:${own.port}` : "";
  if (url.protocol === own.protocol && names.some((name) => same(`${name}${suffix}`))) return true;
  const direct = config.job.port ? names.map((name) => `${name}:${config.job.port}`) : [];
  if (url.protocol === "http:" && direct.some(same)) return true;
  return config.server.allowedHosts.some(same);
}
