import type { SecretsSpec } from "../secrets/spec.ts";

/** A look at the stores from a Nomad client, by a job of its own. */
export interface ProbeSpec {
  /** Where Nomad is, the server's job, and its secrets. */
  readonly secrets: SecretsSpec;
  /** The kinds of the stores, as they will stand in the server's job. */
  readonly backendStore: string;
  readonly registryStore: string;
  /** The probe's job; `image` is put in by the script. */
  readonly job: ProbeJob;
  /** Seconds it may take, the pull of the image included. */
  readonly deadline: number;
}

export interface ProbeJob {
  readonly region: string;
  readonly namespace: string;
  readonly datacenters: readonly string[];
  /** Such as "default", Nomad's own. */
  readonly nodePool: string;
  readonly constraints: readonly {
    readonly attribute: string;
    readonly operator: string;
    readonly value: string;
  }[];
  /** Environment of the server, as far as it tells of the stores. */
  readonly env: Readonly<Record<string, string>>;
  /** Files that the server finds in its task's directory. */
  readonly files: readonly { readonly destination: string; readonly content: string }[];
  /** Numeric user and group id of the server. */
  readonly uid: number;
  readonly gid: number;
  /** Memory limit, MiB. */
  readonly memory: number;
}
