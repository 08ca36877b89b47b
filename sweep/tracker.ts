/** The MLflow that a sweep's tasks log to. */
import { clientUrl } from "../config/client-url.ts";
import type { HomelabConfig } from "../config/schema.ts";
import type { NomadApi } from "../nomad/api.ts";
import { sidecarPort } from "./sidecars/addresses.ts";
import { serviceName } from "./sidecars/group.ts";
import type { Sidecar } from "./sidecars/sidecar.ts";

/** The deployed one. */
export const SERVICE = "service";
const OF_SIDECAR = /^sidecar:(\d+)$/;

/**
 * What is kept of a sweep's tracker: "service", "sidecar:PORT" or a URL without a login.
 *
 * @param uri MLFLOW_TRACKING_URI of the tasks
 * @param ports of the sidecars
 */
export function trackerOf(uri: string, config: HomelabConfig, ports: readonly number[]): string {
  const port = sidecarPort(uri);
  if (port !== undefined && ports.includes(port)) return `sidecar:${port}`;
  // A folder, say, has no pages.
  if (uri === clientUrl(config) || !/^https?:/.test(uri) || !URL.canParse(uri)) return SERVICE;
  const { origin, pathname } = new URL(uri);
  return `${origin}${pathname}`.replace(/\/$/, "");
}

/** Whether it ends with the sweep. */
export function isOfSweep(tracker: string): boolean {
  return OF_SIDECAR.test(tracker);
}

/** Names of the file stores that a tracker has which ends with the sweep; undefined for another. */
export function trackerStores(
  tracker: string,
  sidecars: readonly Sidecar[],
): readonly string[] | undefined {
  const port = Number(OF_SIDECAR.exec(tracker)?.[1]);
  return sidecars.find(({ ports }) => ports.includes(port))?.filestores;
}

/** Where the tracker of a sweep is; undefined for one that has ended, or does not answer yet. */
export async function trackerUrl(
  nomad: NomadApi,
  config: HomelabConfig,
  { name, tracker }: { readonly name: string; readonly tracker: string },
): Promise<string | undefined> {
  if (tracker === SERVICE) return clientUrl(config);
  const port = OF_SIDECAR.exec(tracker)?.[1];
  if (!port) return tracker;
  type Service = { readonly JobID: string; readonly Address: string; readonly Port: number };
  const all = (await nomad.get<Service[]>(`/service/${serviceName(name, Number(port))}`)) ?? [];
  const own = all.find(({ JobID }) => JobID === name);
  if (!own) return undefined;
  const host = own.Address.includes(":") ? `[${own.Address}]` : own.Address;
  return `http://${host}:${own.Port}`;
}
