import { wholeNumber } from "./fields.ts";

/** The connections to a database, which all workers share. */
export const connections = () =>
  wholeNumber("connections, ", 4, 10_000)
    .default(40)
    .describe(
      "Connections that all workers of all servers may hold at most; their pools are computed from it. During an update there are twice as many servers.",
    );
