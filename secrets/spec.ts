import type { SecretSource } from "../config/secret.ts";
import type { NomadTarget } from "../nomad/api.ts";

/** The secrets of a server's task: where they come from, and where Nomad keeps them. */
export interface SecretsSpec {
  readonly nomad: NomadTarget;
  /** Name of the Nomad job. */
  readonly job: string;
  /**
   * GROUP/TASK that reads them.
   * @default the server's
   */
  readonly task?: string;
  /** Each by the environment variable of the server that it becomes. */
  readonly sources: SecretSources;
}

export type SecretSources = Readonly<Record<string, NamedSource>>;

/** Where a secret is found, and the config's key that says so, for messages. */
export interface NamedSource {
  readonly key: string;
  readonly source: SecretSource;
}

/** Key in the job's meta of the generation of secrets that its task reads. */
export const GENERATION_META = "homelab_mlflow_secrets";

/** GROUP/TASK of the server for artifacts alone. */
export const ARTIFACTS_TASK = "artifacts/mlflow_artifacts";

/**
 * Path of the Nomad variable. A task may read the one that is named after it, and no other task's:
 * https://developer.hashicorp.com/nomad/docs/concepts/workload-identity#default-workload-acl-policy
 */
export function variablePath({
  job,
  task = "svc/mlflow_app",
}: Pick<SecretsSpec, "job" | "task">): string {
  return `nomad/jobs/${job}/${task}`;
}
