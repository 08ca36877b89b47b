import type { SecretSource } from "../config/secret.ts";
import type { NomadTarget } from "../nomad/api.ts";
import { SERVER_GROUP } from "../nomad/groups.ts";

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
  readonly source: SecretSource | VariableOfFile;
}

/** A secret that is a line NAME=VALUE of a file. */
export interface VariableOfFile {
  readonly file: string;
  readonly variable: string;
}

/** Key in the job's meta of the generation of secrets that its task reads. */
export const GENERATION_META = "homelab_mlflow_secrets";

/**
 * Path of the Nomad variable. A task may read the one that is named after it, and no other task's:
 * https://developer.hashicorp.com/nomad/docs/concepts/workload-identity#default-workload-acl-policy
 */
export function variablePath({
  job,
  task = `${SERVER_GROUP.name}/${SERVER_GROUP.task}`,
}: Pick<SecretsSpec, "job" | "task">): string {
  return `nomad/jobs/${job}/${task}`;
}
