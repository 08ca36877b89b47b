import { readFileSync } from "node:fs";
import type { NomadTarget } from "../nomad/api.ts";

/** A look, from its Nomad client, at the volume that PostgreSQL is to start on. */
export interface PostgresqlLook {
  readonly nomad: NomadTarget;
  /** Name of PostgreSQL's job. */
  readonly job: string;
  readonly datacenters: readonly string[];
  /** Such as "default", Nomad's own. */
  readonly nodePool: string;
  readonly image: string;
  readonly uid: number;
  readonly gid: number;
  readonly volume: PostgresqlVolume;
  /** Seconds it may take, the pull of the image included. */
  readonly deadline: number;
}

export interface PostgresqlVolume {
  /** Name of the host volume. */
  readonly name: string;
  /** Absolute path in the container. */
  readonly destination: string;
  /** Where and what it is, as the script reads it. */
  readonly mounted: string;
}

/** A file beside this one that PostgreSQL's task gets. */
export function scriptOfTask(name: "start.sh" | "role.sql"): string {
  return readFileSync(new URL(name, import.meta.url), "utf8");
}
