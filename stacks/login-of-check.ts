import type { CheckSpec } from "../check/spec.ts";
import type { HomelabConfig } from "../config/schema.ts";

/** Whom the check logs in as, where MLflow asks for it; its password is read there. */
export function loginOfCheck({ server: { auth } }: HomelabConfig): CheckSpec["login"] {
  if (auth.type === "none") return undefined;
  const { username, password: source } = auth.admin;
  return { username, password: { key: "server.auth.admin.password", source } };
}
