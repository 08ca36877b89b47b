/** What people do with a database that the deploy runs, by the programs of its image: docs/modes.md. */
import type { DatabaseKind } from "../../database/kinds.ts";

export interface Programs {
  /** Prints a backup. */
  readonly dump: readonly string[];
  /** Puts one back that it reads. */
  readonly restore: readonly string[];
  /** Runs SQL as the superuser. */
  readonly sql: (command: string) => string[];
  /** Queries of who is let in, and what they tell. */
  readonly rights: readonly [query: string, told: string][];
  /** The file in its data that says which series they are of, and another series. */
  readonly seriesFile: string;
  readonly otherSeries: string;
  /** What it says when it has started. */
  readonly ready: string;
}

export const PROGRAMS: Readonly<Record<DatabaseKind, Programs>> = {
  postgresql: {
    dump: ["pg_dump", "-U", "mlflow", "--format=custom", "mlflow"],
    restore: "pg_restore -U mlflow --clean --if-exists --single-transaction -d mlflow".split(" "),
    sql: (command) => ["psql", "-U", "postgres", "-d", "mlflow", "-qAt", "-c", command],
    rights: [
      ["SELECT rolsuper FROM pg_roles WHERE rolname = 'mlflow'", "f"],
      ["SELECT count(*) FROM pg_authid WHERE rolsuper AND rolpassword IS NOT NULL", "0"],
      ["SHOW max_connections", "50"],
    ],
    seriesFile: "PG_VERSION",
    otherSeries: "14",
    ready: "ready to accept connections",
  },
  mysql: {
    dump: ["mariadb-dump", "--no-defaults", "--single-transaction", "mlflow"],
    restore: ["mariadb", "--no-defaults", "mlflow"],
    sql: (command) => ["mariadb", "--no-defaults", "-N", "-B", "-e", command, "mlflow"],
    rights: [
      [
        "SELECT group_concat(user, '@', host) FROM mysql.user WHERE host <> 'localhost'",
        "mlflow@%",
      ],
      ["SELECT count(*) FROM mysql.user WHERE user IN ('', 'mlflow') AND super_priv = 'Y'", "0"],
      ["SELECT count(*) FROM mysql.user WHERE user = ''", "0"],
      ["SELECT @@max_connections", "50"],
    ],
    seriesFile: ".homelab-series",
    otherSeries: "10.6",
    ready: "ready for connections",
  },
};
