/** A database that the deploy runs by itself, as a Nomad job beside the server's. */
import { z } from "zod";
import { DATABASES, type DatabaseKind, type DatabaseLimits } from "../database/kinds.ts";
import { connections } from "./connections.ts";
import { image, name, port, wholeNumber } from "./fields.ts";
import { replacesRuns } from "./replaces.ts";
import { secret } from "./secret.ts";

/** Connections that are kept free for people: a backup, a look by psql. */
const CONNECTIONS_OF_PEOPLE = 10;

/** The longest name of a service in Nomad. */
const LONGEST_SERVICE = 63;

export function managedDatabase<Kind extends DatabaseKind>(kind: Kind) {
  const { title, image: official, port: usual } = DATABASES[kind];
  const type = `managed-${kind}` as const;
  return z.strictObject({
    type: z
      .literal(type)
      .describe(
        `A ${title} that the deploy runs, as a Nomad job of its own with its data on volumes.backendStore: password.`,
      ),
    password: secret().describe(
      "Password of its user mlflow, which the deploy sets. A changed one is set anew.",
    ),
    image: image(official)
      .default(official)
      .describe(
        `Image with a ${title} server on PATH, such as the official ones. One of another major version is refused: its data has to be moved.`,
      ),
    port: port().default(usual).describe("Its port on the Nomad client."),
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
    replaces: replacesRuns(type),
  });
}

/** Of a checked config. */
export type ManagedDatabase = z.output<ReturnType<typeof managedDatabase<DatabaseKind>>>;

/** Whether the deploy runs the database of a backend store. */
export function isManaged(store: { readonly type: string }): store is ManagedDatabase {
  return store.type.startsWith("managed-");
}

/** Which one it is. */
export function managedKind({ type }: ManagedDatabase): DatabaseKind {
  return type === "managed-mysql" ? "mysql" : "postgresql";
}

/** Connections that it lets in, and the cache that it has. */
export function limitsOf({
  connections,
  memory,
}: Pick<ManagedDatabase, "connections" | "memory">): DatabaseLimits {
  return { maxConnections: connections + CONNECTIONS_OF_PEOPLE, cache: Math.floor(memory / 4) };
}

/** Name of its job and of its service. */
export function databaseJob(job: string, kind: DatabaseKind): string {
  return `${job}-${kind}`;
}

interface Beside {
  readonly volumes: { readonly backendStore?: { readonly source: object } };
  readonly job: { readonly name: string };
}

/** What only these backend stores want. */
export function checkManagedDatabase(
  store: ManagedDatabase,
  { volumes, job }: Beside,
  refuse: (path: string[], input: unknown, message: string) => void,
): void {
  const kind = managedKind(store);
  const { title, baseMib, connectionMib } = DATABASES[kind];
  if (volumes.backendStore && "nfs" in volumes.backendStore.source)
    refuse(
      ["volumes", "backendStore", "source"],
      volumes.backendStore.source,
      `a directory of one client, as ${title} is not run on NFS here`,
    );
  const { memory, connections } = store;
  const besideCache = baseMib + connections * connectionMib;
  if (limitsOf(store).cache + besideCache > memory)
    refuse(
      ["storage", "backendStore", "memory"],
      memory,
      `at least ${Math.ceil((besideCache * 4) / 3)} MiB for ${connections} connections; raise it, or lower connections`,
    );
  const longest = LONGEST_SERVICE - databaseJob("", kind).length;
  if (job.name.length > longest)
    refuse(
      ["job", "name"],
      job.name,
      `at most ${longest} characters, as the database's job has its name and more`,
    );
}
