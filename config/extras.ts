import type { Auth } from "./auth.ts";

/** Parts of MLflow that need packages of their own in the image, by the names of their lock files. */
export function extrasOf({ auth }: { readonly auth: Auth }): string[] {
  return auth.type === "basic" ? ["auth"] : [];
}
