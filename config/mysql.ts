import { z } from "zod";
import { connections } from "./connections.ts";
import { databaseCa } from "./database-ca.ts";
import { RUNS_STAY, replaces } from "./replaces.ts";
import { secret } from "./secret.ts";

/** A MySQL that is there already. */
export const mysql = z.strictObject({
  type: z
    .literal("mysql")
    .describe("A MySQL or MariaDB database of yours, for one or more servers: uri."),
  uri: secret().describe(
    "Its URI, mysql://USER:PASSWORD@HOST:PORT/DATABASE, as the Nomad clients reach it. What a URI keeps for itself is escaped in the password: @ is %40.",
  ),
  connections: connections(),
  caBundle: databaseCa(),
  replaces: replaces(z.enum(["sqlite", "postgresql", "managed-postgresql"]), RUNS_STAY),
});
