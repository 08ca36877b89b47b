import type { HomelabConfig } from "./schema.ts";

/** Whether clients have to log in, at Traefik or at MLflow. */
export function asksForLogin({ traefik, server }: HomelabConfig): boolean {
  return traefik.basicAuth !== undefined || server.auth.type === "basic";
}
