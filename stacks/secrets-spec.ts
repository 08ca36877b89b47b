import type { HomelabConfig } from "../config/schema.ts";
import { nomadTarget } from "../nomad/target.ts";
import type { SecretsSpec } from "../secrets/spec.ts";

/** The secrets that a config's server needs, by the environment variables they become. */
export function secretsSpec(config: HomelabConfig): SecretsSpec {
  return {
    nomad: nomadTarget(config),
    job: config.job.name,
    sources: config.server.secrets,
  };
}
