/** Where runs and artifacts are kept: what can't work is refused here, with the reason. */
import { z } from "zod";
import { wholeNumber } from "./fields.ts";
import { secret } from "./secret.ts";

/**
 * Connection pools of a worker: MLflow makes one for tracking and one for the model registry.
 */
export const POOLS_OF_WORKER = 2;

/** MLflow can't be told to have no overflow: a pool is one connection and one more at least. */
const SMALLEST_POOL = 2;

const sqlite = z.strictObject({
  type: z.literal("sqlite").describe("A file on volumes.backendStore, for one server."),
  replaces: z
    .literal("postgresql")
    .optional()
    .describe(
      "Needed where the job runs with that backend store: its runs are not moved, so new ones begin here.",
    ),
});

const postgresql = z.strictObject({
  type: z
    .literal("postgresql")
    .describe("A PostgreSQL database of yours, for one or more servers: uri."),
  uri: secret().describe(
    "Its URI, postgresql://USER:PASSWORD@HOST:PORT/DATABASE, as the Nomad clients reach it. What a URI keeps for itself is escaped in the password: @ is %40.",
  ),
  connections: wholeNumber("connections, ", 4, 10_000)
    .default(40)
    .describe(
      "Connections that all workers of all servers may hold at most; their pools are computed from it. During an update there is one server more.",
    ),
  replaces: z
    .literal("sqlite")
    .optional()
    .describe(
      "Needed where the job runs with that backend store: its runs are not moved, so new ones begin here.",
    ),
});

/** The stores of the server. */
export const storage = z
  .strictObject({
    backendStore: z
      .discriminatedUnion("type", [sqlite, postgresql], { error: '"sqlite" or "postgresql"' })
      .default({ type: "sqlite" })
      .describe("Where experiments, runs and registered models are kept."),
  })
  .prefault({})
  .describe("Where runs and artifacts are kept; docs/modes.md tells when to choose which.");

export type Storage = z.output<typeof storage>;

interface Stored {
  readonly storage: Storage;
  readonly volumes: { readonly backendStore?: unknown; readonly artifacts?: unknown };
  readonly clients: readonly unknown[];
  readonly server: { readonly workers: number };
}

type Issue = z.core.$ZodRawIssue<
  z.core.$ZodIssueCustom | z.core.$ZodIssueInvalidType | z.core.$ZodIssueTooSmall
>;
type Context = { addIssue(issue: Issue): void };

/** Each store has what it needs, and nothing is there that none would use. */
export function checkStorage({ storage, volumes, clients, server }: Stored, context: Context) {
  const refuse = (path: string[], input: unknown, message: string) =>
    context.addIssue({ code: "custom", path, input, message });
  const missing = (path: string[]) =>
    context.addIssue({ code: "invalid_type", path, input: undefined, expected: "object" });
  const { backendStore } = storage;
  if (backendStore.type === "sqlite" && !volumes.backendStore) missing(["volumes", "backendStore"]);
  if (backendStore.type !== "sqlite" && volumes.backendStore)
    refuse(
      ["volumes", "backendStore"],
      volumes.backendStore,
      `no such volume, as storage.backendStore is ${backendStore.type}: nothing would be kept on it`,
    );
  if (!volumes.artifacts) missing(["volumes", "artifacts"]);
  if (clients.length === 0) refuse(["clients"], clients, "at least one Nomad client for volumes");
  if (backendStore.type === "postgresql") {
    const least = pools(server.workers) * SMALLEST_POOL;
    if (backendStore.connections < least)
      refuse(
        ["storage", "backendStore", "connections"],
        backendStore.connections,
        `at least ${least}, for ${SMALLEST_POOL} in each of ${pools(server.workers)} pools; raise it or lower server.workers`,
      );
  }
}

/** Connection pools of all servers while an update runs, when there is one server more. */
function pools(workers: number): number {
  return workers * 2 * POOLS_OF_WORKER;
}

/** Connections that stay open in each pool; one more is opened and closed as needed. */
export function poolSize(connections: number, workers: number): number {
  return Math.floor(connections / pools(workers)) - 1;
}

/** Stores that need a driver in the image, by the names of their lock files. */
export function driversOf({ backendStore }: Storage): string[] {
  return backendStore.type === "postgresql" ? ["postgresql"] : [];
}

/** Whether two servers may run on the same data at a time. */
export function isShared({ backendStore }: Storage): boolean {
  return backendStore.type !== "sqlite";
}
