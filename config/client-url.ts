import type { HomelabConfig } from "./schema.ts";

/** Where clients reach MLflow: the url, or what hostname and traefik.tls make of it, and the prefix. */
export function clientUrl({ url, hostname, traefik, server }: HomelabConfig): string {
  const origin = url ?? `${traefik.enable && traefik.tls ? "https" : "http"}://${hostname}`;
  return `${origin}${server.staticPrefix}`;
}
