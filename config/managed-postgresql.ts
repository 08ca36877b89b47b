/** A PostgreSQL that the deploy runs by itself, as a Nomad job beside the server's. */
import { z } from "zod";
import { connections } from "./connections.ts";
import { image, name, port, wholeNumber } from "./fields.ts";
import { RUNS_STAY, replaces } from "./replaces.ts";
import { secret } from "./secret.ts";

/** MiB of PostgreSQL's own processes, beside what its clients' take. */
const BASE_MIB = 64;

/** MiB of the process that each connection has, with what MLflow asks of it. */
const CONNECTION_MIB = 4;

/** Connections that are kept free for people: a backup, a look by psql. */
const CONNECTIONS_OF_PEOPLE = 10;

/** The longest name of a service in Nomad. */
const LONGEST_SERVICE = 63;

export const managedPostgresql = z.strictObject({
  type: z
    .literal("managed-postgresql")
    .describe(
      "A PostgreSQL that the deploy runs, as a Nomad job of its own with its data on volumes.backendStore: password.",
    ),
  password: secret().describe(
    "Password of its user mlflow, which the deploy sets. A changed one is set anew.",
  ),
  image: image("postgres:16.10-bookworm")
    .default("postgres:16.10-bookworm")
    .describe(
      "Image with a PostgreSQL server on PATH, such as the official ones. One of another major version is refused: its data has to be moved.",
    ),
  port: port().default(5432).describe("Its port on the Nomad client."),
  hostNetwork: name()
    .optional()
    .describe(
      "host_network of the Nomad client whose address it listens on. Default: the client's own address.",
    ),
  connections: connections(),
  cpu: wholeNumber("MHz, ", 50, 1_000_000).default(200).describe("Its CPU share, in MHz."),
  memory: wholeNumber("MiB, ", 64, 1_048_576)
    .default(384)
    .describe("Its memory limit, in MiB. A quarter is its cache."),
  replaces: replaces(z.enum(["sqlite", "postgresql", "mysql"]), RUNS_STAY),
});

/** Of a checked config. */
export type ManagedPostgresql = z.output<typeof managedPostgresql>;

/** Megabytes that PostgreSQL caches of its data, shared by all its processes. */
export function sharedBuffers(memory: number): number {
  return Math.floor(memory / 4);
}

/** Connections that PostgreSQL lets in. */
export function maxConnections(connections: number): number {
  return connections + CONNECTIONS_OF_PEOPLE;
}

/** Name of its job and of its service. */
export function postgresqlJob(job: string): string {
  return `${job}-postgresql`;
}

interface Beside {
  readonly volumes: { readonly backendStore?: { readonly source: object } };
  readonly job: { readonly name: string };
}

/** What only this backend store wants. */
export function checkManagedPostgresql(
  { memory, connections }: ManagedPostgresql,
  { volumes, job }: Beside,
  refuse: (path: string[], input: unknown, message: string) => void,
): void {
  if (volumes.backendStore && "nfs" in volumes.backendStore.source)
    refuse(
      ["volumes", "backendStore", "source"],
      volumes.backendStore.source,
      "a directory of one client, as PostgreSQL is not run on NFS here",
    );
  const needed = sharedBuffers(memory) + BASE_MIB + connections * CONNECTION_MIB;
  const least = Math.ceil(((BASE_MIB + connections * CONNECTION_MIB) * 4) / 3);
  if (needed > memory)
    refuse(
      ["storage", "backendStore", "memory"],
      memory,
      `at least ${least} MiB for ${connections} connections; raise it, or lower connections`,
    );
  const longest = LONGEST_SERVICE - postgresqlJob("").length;
  if (job.name.length > longest)
    refuse(
      ["job", "name"],
      job.name,
      `at most ${longest} characters, as the database's job has its name and more`,
    );
}
