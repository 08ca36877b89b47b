import type { Auth } from "./auth.ts";

/** Parts of MLflow that need packages of their own in the image, by the names of their lock files. */
export function extrasOf({
  auth,
  prometheus,
}: {
  readonly auth: Auth;
  readonly prometheus: boolean;
}): string[] {
  return [...(auth.type === "basic" ? ["auth"] : []), ...(prometheus ? ["prometheus"] : [])];
}
