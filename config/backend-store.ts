/** Where experiments and runs are kept, and the models with them. */
import { z } from "zod";
import type { DatabaseKind } from "../database/kinds.ts";
import { externalDatabase } from "./external-database.ts";
import { managedDatabase } from "./managed-database.ts";
import { replacesRuns } from "./replaces.ts";

const sqlite = z.strictObject({
  type: z.literal("sqlite").describe("A file on volumes.backendStore, for one server."),
  replaces: replacesRuns("sqlite"),
});

export const backendStore = z
  .discriminatedUnion(
    "type",
    [
      sqlite,
      externalDatabase("postgresql").extend({ replaces: replacesRuns("postgresql") }),
      managedDatabase("postgresql"),
      externalDatabase("mysql").extend({ replaces: replacesRuns("mysql") }),
      managedDatabase("mysql"),
    ],
    { error: '"sqlite", "postgresql", "managed-postgresql", "mysql" or "managed-mysql"' },
  )
  .default({ type: "sqlite" })
  .describe("Where experiments, runs and registered models are kept.");

/** Of a checked config. */
export type BackendStore = z.output<typeof backendStore>;

/** What a backend store that is no file speaks. */
export function databaseKind({ type }: { readonly type: string }): DatabaseKind {
  return type.endsWith("mysql") ? "mysql" : "postgresql";
}
