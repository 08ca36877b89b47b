import type { HomelabConfig } from "./schema.ts";

/** Whether clients have to log in, at Traefik or at MLflow. */
export function asksForLogin({ traefik, server }: HomelabConfig): boolean {
  const byTraefik = traefik.enable && traefik.basicAuth !== undefined;
  return byTraefik || server.auth.type === "basic";
}
