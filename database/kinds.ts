/** The databases that a deploy can run, and all that they differ in. */

/** What MLflow calls them; MariaDB is its MySQL. */
export type DatabaseKind = "postgresql" | "mysql";

/** What is computed from the config. */
export interface DatabaseLimits {
  /** Connections that it lets in. */
  readonly maxConnections: number;
  /** Mebibytes that it caches of its data. */
  readonly cache: number;
}

export interface Database {
  /** For people. */
  readonly title: string;
  /** An official image. */
  readonly image: string;
  /** Of its server, in the container and by default on the Nomad client. */
  readonly port: number;
  /** MiB of the server itself, beside its cache and what its clients take. */
  readonly baseMib: number;
  /** MiB that each connection takes, with what MLflow asks of it. */
  readonly connectionMib: number;
  /** Shuts it down at once, with all written. */
  readonly killSignal: "SIGINT" | "SIGTERM";
  /** Of its superuser, and what its programs find their own user to be called. */
  readonly superuser: string;
  /** By which its programs in the container find its socket. */
  readonly env: Readonly<Record<string, string>>;
  /** Files beside this one that its start reads. */
  readonly scripts: readonly string[];
  /** Arguments of the server. */
  readonly args: (limits: DatabaseLimits) => string[];
}

export const DATABASES: Readonly<Record<DatabaseKind, Database>> = {
  postgresql: {
    title: "PostgreSQL",
    image: "postgres:16.10-bookworm",
    port: 5432,
    baseMib: 64,
    connectionMib: 4,
    killSignal: "SIGINT",
    superuser: "postgres",
    env: { PGHOST: "/tmp" },
    scripts: ["postgresql.sh", "postgresql.sql"],
    args: ({ maxConnections, cache }) =>
      [
        "listen_addresses=*",
        `max_connections=${maxConnections}`,
        `shared_buffers=${cache}MB`,
      ].flatMap((setting) => ["-c", setting]),
  },
  mysql: {
    title: "MariaDB",
    image: "mariadb:11.8",
    port: 3306,
    baseMib: 128,
    connectionMib: 3,
    killSignal: "SIGTERM",
    superuser: "mysql",
    env: { MYSQL_UNIX_PORT: "/tmp/mysql.sock" },
    scripts: ["mysql.sh", "mysql.sql"],
    args: ({ maxConnections, cache }) => [
      `--max-connections=${maxConnections}`,
      `--innodb-buffer-pool-size=${cache}M`,
    ],
  },
};
