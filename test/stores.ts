/** Real stores beside a lab, for tests that deploy to them: PostgreSQL, MariaDB and an S3 server. */
import { chownSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { bridgeAddress } from "../lab/bridge.ts";
import { installedProgram } from "../lab/debian-packages.ts";
import { ensureMariadb, LAB_MARIADB_ADMIN } from "../lab/mariadb.ts";
import { ensurePostgresql, LAB_SUPERUSER, type ServerCertificate } from "../lab/postgresql.ts";
import { stopServer } from "../lab/servers.ts";
import { ensureVersitygw, LAB_S3_ACCOUNT } from "../lab/versitygw.ts";
import { dockerHost, settings, work } from "./deployed.ts";
import type { Authority } from "./tls-front.ts";

/** What a deploy reads the stores' secrets from. */
export const SECRETS = {
  uri: "E2E_DB",
  accessKeyId: "E2E_S3_KEY",
  secretAccessKey: "E2E_S3_SECRET",
  mysql: "E2E_MYSQL",
};

export interface Stores {
  /** This machine as the containers reach it; they and the tests both do. */
  readonly bridge: string;
  /** URL of the S3 server. */
  readonly endpoint: string;
  /** HOST:PORT of PostgreSQL. */
  readonly database: string;
}

/** The stores, healthy, with a database and a bucket of this name; their secrets are in the environment. */
export async function startStores(name: string): Promise<Stores> {
  const bridge = await thisMachine();
  await ensurePostgresql(["127.0.0.1", bridge], work);
  const endpoint = await startS3(name);
  await makeDatabase(name, `${name}-password`);
  const database = `${bridge}:${settings.ports.postgresql}`;
  process.env[SECRETS.uri] = `postgresql://${name}:${name}-password@${database}/${name}`;
  return { bridge, endpoint, database };
}

/** A MariaDB, healthy, with a database of this name; the secret of mysql is in the environment. */
export async function startMysql(name: string): Promise<void> {
  const bridge = await thisMachine();
  await ensureMariadb({ addresses: ["127.0.0.1", bridge] }, work);
  await mariadb(`CREATE OR REPLACE DATABASE ${name} CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
    CREATE OR REPLACE USER ${name}@'%' IDENTIFIED BY '${name}-password';
    GRANT ALL ON ${name}.* TO ${name}@'%';`);
  process.env[SECRETS.mysql] =
    `mysql://${name}:${name}-password@${bridge}:${settings.ports.mariadb}/${name}`;
}

/** The S3 server, healthy, with a bucket of this name; its keys are in the environment, and here is its URL. */
export async function startS3(bucket: string): Promise<string> {
  const bridge = await thisMachine();
  await ensureVersitygw(["127.0.0.1", bridge], work);
  mkdirSync(join(settings.s3.dataDir, bucket), { recursive: true });
  process.env[SECRETS.accessKeyId] = LAB_S3_ACCOUNT.access;
  process.env[SECRETS.secretAccessKey] = LAB_S3_ACCOUNT.secret;
  return `http://${bridge}:${settings.ports.s3}`;
}

function thisMachine(): Promise<string> {
  return bridgeAddress(dockerHost);
}

/** A certificate that a server may read which runs as somebody else. */
export async function databaseCertificate(
  name: string,
  by: Authority,
  owner: { uid: number; gid: number },
): Promise<ServerCertificate> {
  const issued = await by.issue(name);
  // The test's folder is closed to the server's user.
  const folder = `${settings.runDir}/tls-${Date.now()}`;
  await execa("install", ["-d", "-m", "0755", folder]);
  await execa("cp", [issued.certificate, issued.key, folder]);
  const inside = (path: string) => `${folder}/${path.split("/").at(-1)}`;
  const files = { certificate: inside(issued.certificate), key: inside(issued.key) };
  for (const file of Object.values(files)) chownSync(file, owner.uid, owner.gid);
  await execa("chmod", ["0600", files.key]);
  return files;
}

/** As whom the PostgreSQL runs. */
export async function postgresqlUser(): Promise<{ uid: number; gid: number }> {
  const id = async (option: string) => Number((await execa("id", [option, "postgres"])).stdout);
  return { uid: await id("--user"), gid: await id("--group") };
}

export async function stopStores(): Promise<void> {
  await stopServer(settings, "postgresql");
  await stopServer(settings, "versitygw");
  await stopServer(settings, "mariadb");
}

/** An empty database, and a role of the same name that owns it. */
export async function makeDatabase(name: string, password: string): Promise<void> {
  // Another file's tests have left them, or the last run's in a lab that was kept.
  await sql(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
  await sql(`DROP ROLE IF EXISTS ${name}`);
  await sql(`CREATE ROLE ${name} LOGIN PASSWORD '${password.replaceAll("'", "''")}'`);
  await sql(`CREATE DATABASE ${name} OWNER ${name}`);
}

/** Runs SQL as the superuser. */
export async function sql(command: string, database = "postgres"): Promise<string> {
  const options = ["-h", "127.0.0.1", "-p", String(settings.ports.postgresql), "-U"];
  const { stdout } = await execa(
    "psql",
    [...options, LAB_SUPERUSER.name, "-d", database, "-qAt", "-v", "ON_ERROR_STOP=1", "-f", "-"],
    { env: { PGPASSWORD: LAB_SUPERUSER.password }, input: command },
  );
  return stdout;
}

/** Runs SQL in the MariaDB, by whoever may do all there. */
export async function mariadb(command: string): Promise<string> {
  const program = await installedProgram("mariadb", ["mariadb-client-core"], "install it", work);
  const { name, password } = LAB_MARIADB_ADMIN;
  const where = ["--host=127.0.0.1", `--port=${settings.ports.mariadb}`, `--user=${name}`];
  const { stdout } = await execa(
    program,
    ["--no-defaults", ...where, "--skip-column-names", "--batch"],
    { env: { MYSQL_PWD: password }, input: command },
  );
  return stdout;
}

/** A config's backendStore: the database of startStores. */
export function inPostgresql(more: object = {}) {
  return { type: "postgresql", uri: { env: SECRETS.uri }, ...more };
}

/** A config's artifacts: a bucket of startS3. */
export function inS3(bucket: string, endpoint: string, more: object = {}) {
  const credentials = {
    accessKeyId: { env: SECRETS.accessKeyId },
    secretAccessKey: { env: SECRETS.secretAccessKey },
  };
  return { type: "s3", bucket, endpoint, credentials, ...more };
}
