import type { HomelabConfig } from "../config/schema.ts";
import type { NomadTarget } from "./api.ts";

/** The Nomad of a config, and of the nomad command's environment where the config says nothing. */
export function nomadTarget(
  { nomad }: HomelabConfig,
  env: NodeJS.ProcessEnv = process.env,
): NomadTarget {
  return {
    address: nomad.address,
    region: nomad.region,
    namespace: nomad.namespace || env.NOMAD_NAMESPACE || "default",
  };
}
