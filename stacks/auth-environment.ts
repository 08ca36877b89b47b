import type { HomelabConfig } from "../config/schema.ts";

/** The variables by which the image knows who is let in; none for all, its default. */
export function authEnvironment({ server: { auth } }: HomelabConfig): Record<string, string> {
  if (auth.type === "none") return {};
  return {
    HOMELAB_AUTH: auth.type,
    HOMELAB_AUTH_DEFAULT_PERMISSION: auth.defaultPermission,
    HOMELAB_AUTH_CACHE_SECONDS: String(auth.cacheSeconds),
    MLFLOW_AUTH_ADMIN_USERNAME: auth.admin.username,
  };
}
