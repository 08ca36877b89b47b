import type { HomelabConfig } from "./schema.ts";

/** Where clients reach MLflow: the url, or what the hostname and who speaks https make of it, and the prefix. */
export function clientUrl(config: HomelabConfig): string {
  return `${config.url ?? originOf(config)}${config.server.staticPrefix}`;
}

function originOf({ hostname, traefik, server, job }: HomelabConfig): string {
  // Without Traefik there is none that would lead from the scheme's own port to the server's.
  if (server.tls) return `https://${hostname}:${job.port}`;
  return `${traefik.enable && traefik.tls ? "https" : "http"}://${hostname}`;
}
