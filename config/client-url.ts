import type { HomelabConfig } from "./schema.ts";

/** Where clients reach MLflow: the url, or what hostname and traefik.tls make of it. */
export function clientUrl({ url, hostname, traefik }: HomelabConfig): string {
  return url ?? `${traefik.enable && traefik.tls ? "https" : "http"}://${hostname}`;
}
