import { absolutePath } from "./fields.ts";

/** The authority of a database's certificate. */
export const databaseCa = () =>
  absolutePath()
    .optional()
    .describe(
      "PEM file, where the deploy runs, of the authority of the database's certificate: TLS is required then, and the certificate has to be the host's. It is no secret: it becomes part of the job.",
    );
