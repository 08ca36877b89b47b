import { UserError } from "../config/errors.ts";
import type { NomadApi } from "./api.ts";

/** @throws UserError where there is no such namespace */
export async function expectNamespace(nomad: NomadApi, namespace: string): Promise<void> {
  if (await nomad.get(`/namespace/${encodeURIComponent(namespace)}`)) return;
  const known = (await nomad.list<{ readonly Name: string }>("/namespaces")).map(
    ({ Name }) => Name,
  );
  throw new UserError(
    [
      `namespace ${namespace}: Nomad has none of that name; expected ${known.join(", ")}, by --namespace or nomad.namespace`,
    ],
    2,
  );
}
