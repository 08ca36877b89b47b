import { z } from "zod";
import type { DatabaseKind } from "../database/kinds.ts";
import { connections } from "./connections.ts";
import { absolutePath } from "./fields.ts";
import { secret } from "./secret.ts";

/** A database that is there already. */
export function externalDatabase<Kind extends DatabaseKind>(kind: Kind) {
  const title = { postgresql: "PostgreSQL", mysql: "MySQL or MariaDB" }[kind];
  return z.strictObject({
    type: z.literal(kind).describe(`A ${title} database of yours, for one or more servers: uri.`),
    uri: secret().describe(
      `Its URI, ${kind}://USER:PASSWORD@HOST:PORT/DATABASE, as the Nomad clients reach it. What a URI keeps for itself is escaped in the password: @ is %40.`,
    ),
    connections: connections(),
    caBundle: absolutePath()
      .optional()
      .describe(
        "PEM file, where the deploy runs, of the authority of the database's certificate: TLS is required then, and the certificate has to be the host's. It is no secret: it becomes part of the job.",
      ),
  });
}
