import { readFileSync } from "node:fs";
import type { NomadTarget } from "../nomad/api.ts";
import { DATABASES, type DatabaseKind } from "./kinds.ts";

/** A look, from its Nomad client, at the volume that a database is to start on. */
export interface DatabaseLook {
  readonly nomad: NomadTarget;
  readonly kind: DatabaseKind;
  /** Name of the database's job. */
  readonly job: string;
  readonly datacenters: readonly string[];
  /** Such as "default", Nomad's own. */
  readonly nodePool: string;
  readonly image: string;
  readonly uid: number;
  readonly gid: number;
  readonly volume: DatabaseVolume;
  /** Seconds it may take, the pull of the image included. */
  readonly deadline: number;
}

export interface DatabaseVolume {
  /** Name of the host volume. */
  readonly name: string;
  /** Absolute path in the container. */
  readonly destination: string;
  /** Where and what it is, as the script reads it. */
  readonly mounted: string;
}

/** The files that the start of a database reads, as its task gets them. */
export function startFiles(kind: DatabaseKind): { destination: string; content: string }[] {
  return ["start.sh", ...DATABASES[kind].scripts].map((name) => ({
    destination: `local/${name}`,
    content: readFileSync(new URL(name, import.meta.url), "utf8"),
  }));
}
