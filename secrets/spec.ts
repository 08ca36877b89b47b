import type { SecretSource } from "../config/secret.ts";
import type { NomadTarget } from "../nomad/api.ts";

/** The secrets of the server's task: where they come from, and where Nomad keeps them. */
export interface SecretsSpec {
  readonly nomad: NomadTarget;
  /** Name of the Nomad job. */
  readonly job: string;
  /** Where each is found, by the environment variable of the server that it becomes. */
  readonly sources: Readonly<Record<string, SecretSource>>;
}

/** Key in the job's meta of the generation of secrets that its task reads. */
export const GENERATION_META = "homelab_mlflow_secrets";

/**
 * Path of the Nomad variable. A task may read the one that is named after it, and no other task's:
 * https://developer.hashicorp.com/nomad/docs/concepts/workload-identity#default-workload-acl-policy
 */
export function variablePath(job: string): string {
  return `nomad/jobs/${job}/svc/mlflow_app`;
}
