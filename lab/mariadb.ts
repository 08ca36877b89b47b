/**
 * A MariaDB server beside the lab, from Debian's packages, where a deploy wants MySQL: Debian has no
 * MySQL. Its data does not outlive the lab.
 */
import { chownSync, existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { execa } from "execa";
import { installedProgram } from "./debian-packages.ts";
import type { ServerCertificate } from "./postgresql.ts";
import { refusal } from "./refusal.ts";
import { ensureServer, type ServerCommand } from "./servers.ts";
import type { LabSettings } from "./settings.ts";
import type { Work } from "./work.ts";

/** Who may do all on the lab's server, from anywhere. */
export const LAB_MARIADB_ADMIN = { name: "lab", password: "lab-mariadb" } as const;

/** nobody and nogroup: it refuses to run as root, and Debian's core package makes no user. */
export const LAB_MARIADB_USER = { uid: 65534, gid: 65534 };

export interface MariadbOptions {
  /** Where it listens: loopback, and what the containers can reach. */
  readonly addresses: readonly string[];
  /**
   * PEM files of a certificate and its key, which clients then may ask for.
   * @default no TLS
   */
  readonly tls?: ServerCertificate;
}

/** The lab's MariaDB, healthy. */
export async function ensureMariadb(
  options: MariadbOptions,
  work: Work,
): Promise<"started" | "running"> {
  const { settings, signal } = work;
  const remedy = "install MariaDB's server";
  const install = (name: string, from: string) => installedProgram(name, [from], remedy, work);
  const program = await install("mariadbd", "mariadb-server-core");
  // What makes its data asks that for the settings.
  await install("my_print_defaults", "mariadb-client-core");
  const data = dataDirectory(settings);
  if (!existsSync(data)) await initialise(data);
  return ensureServer(settings, server(settings, program, options), signal);
}

/** Not in the lab's folder: its server runs as another user, to whom that may be closed. */
function dataDirectory({ runDir }: LabSettings): string {
  return join(runDir, "mariadb");
}

function initFile(data: string): string {
  return join(data, "init.sql");
}

async function initialise(data: string): Promise<void> {
  mkdirSync(dirname(data), { recursive: true });
  mkdirSync(data, { mode: 0o700 });
  chownSync(data, LAB_MARIADB_USER.uid, LAB_MARIADB_USER.gid);
  try {
    const options = ["--no-defaults", `--datadir=${data}`, "--skip-test-db", "--force"];
    await execa("mariadb-install-db", [...options, "--auth-root-authentication-method=normal"], {
      ...LAB_MARIADB_USER,
      cwd: "/",
    });
    const { name, password } = LAB_MARIADB_ADMIN;
    writeFileSync(
      initFile(data),
      `CREATE USER IF NOT EXISTS '${name}'@'%' IDENTIFIED BY '${password}';
GRANT ALL ON *.* TO '${name}'@'%' WITH GRANT OPTION;
`,
    );
    chownSync(initFile(data), LAB_MARIADB_USER.uid, LAB_MARIADB_USER.gid);
  } catch (error) {
    rmSync(data, { recursive: true, force: true });
    throw error;
  }
}

function server(
  settings: LabSettings,
  program: string,
  { addresses, tls }: MariadbOptions,
): ServerCommand {
  const port = settings.ports.mariadb;
  const data = dataDirectory(settings);
  return {
    name: "mariadb",
    command: [
      program,
      "--no-defaults",
      `--datadir=${data}`,
      `--port=${port}`,
      `--bind-address=${addresses.join(",")}`,
      `--socket=${join(data, "mariadb.sock")}`,
      `--init-file=${initFile(data)}`,
      "--character-set-server=utf8mb4",
      "--skip-name-resolve",
      ...(tls ? [`--ssl-cert=${tls.certificate}`, `--ssl-key=${tls.key}`] : []),
    ],
    user: LAB_MARIADB_USER,
    unhealthy: () => refusal(port),
    patience: 60,
  };
}
