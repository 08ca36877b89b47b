/** A PostgreSQL server beside the lab, from Debian's packages; its data does not outlive the lab. */
import { chownSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { execa } from "execa";
import { aptInstall } from "./debian-packages.ts";
import { labErrors } from "./errors.ts";
import { refusal } from "./refusal.ts";
import { ensureServer, type ServerCommand } from "./servers.ts";
import type { LabSettings } from "./settings.ts";
import type { Work } from "./work.ts";

const VERSIONS = "/usr/lib/postgresql";
/** Debian's package starts a server of its own on port 5432, unless this says that it should not. */
const PACKAGE_SETTINGS = "/etc/postgresql-common/createcluster.conf";

/** The superuser of the lab's server. */
export const LAB_SUPERUSER = { name: "postgres", password: "lab-postgres" } as const;

/** PEM files of a server's certificate and its key. */
export interface ServerCertificate {
  readonly certificate: string;
  readonly key: string;
}

/**
 * The lab's PostgreSQL, healthy.
 *
 * @param addresses where it listens: loopback, and what the containers can reach
 * @param tls what it offers TLS with; none, where it is left out
 */
export async function ensurePostgresql(
  addresses: readonly string[],
  work: Work,
  tls?: ServerCertificate,
): Promise<"started" | "running"> {
  const { settings, signal } = work;
  const programs = await serverPrograms(work);
  const user = await userOf("postgres");
  const data = dataDirectory(settings);
  if (!existsSync(data)) await initialise(programs, data, user);
  return ensureServer(settings, server(settings, programs, user, addresses, tls), signal);
}

/** Not in the lab's folder: its server runs as another user, to whom that may be closed. */
function dataDirectory({ runDir }: LabSettings): string {
  return join(runDir, "postgresql");
}

type User = { readonly uid: number; readonly gid: number };

/** The folder of the newest server's programs, which are on nobody's PATH. */
async function serverPrograms(work: Work): Promise<string> {
  const found = installed();
  if (found) return found;
  if (!existsSync(PACKAGE_SETTINGS)) {
    mkdirSync(dirname(PACKAGE_SETTINGS), { recursive: true });
    writeFileSync(PACKAGE_SETTINGS, "create_main_cluster = false\n");
  }
  await aptInstall(["postgresql"], work);
  const now = installed();
  if (!now)
    throw labErrors.toolMissing("postgres", "postgresql did not bring it", "install PostgreSQL");
  return now;
}

function installed(): string | undefined {
  if (!existsSync(VERSIONS)) return undefined;
  return readdirSync(VERSIONS)
    .sort((a, b) => Number(b) - Number(a))
    .map((version) => join(VERSIONS, version, "bin"))
    .find((bin) => existsSync(join(bin, "postgres")));
}

/** It refuses to run as root. */
async function userOf(name: string): Promise<User> {
  const id = async (option: string) => Number((await execa("id", [option, name])).stdout);
  return { uid: await id("--user"), gid: await id("--group") };
}

async function initialise(programs: string, data: string, user: User): Promise<void> {
  mkdirSync(data, { recursive: true, mode: 0o700 });
  chownSync(data, user.uid, user.gid);
  // initdb opens it as the other user, who can't open our standard input.
  const password = `${data}.password`;
  try {
    writeFileSync(password, `${LAB_SUPERUSER.password}\n`, { mode: 0o600 });
    chownSync(password, user.uid, user.gid);
    const options = ["--encoding=UTF8", "--locale=C.UTF-8", "--auth=scram-sha-256"];
    await execa(
      join(programs, "initdb"),
      ["--pgdata", data, "--username", LAB_SUPERUSER.name, `--pwfile=${password}`, ...options],
      { ...user, cwd: "/" },
    );
    const rules = ["host all all 127.0.0.1/32 scram-sha-256", "host all all samenet scram-sha-256"];
    writeFileSync(join(data, "pg_hba.conf"), `${rules.join("\n")}\n`);
  } catch (error) {
    rmSync(data, { recursive: true, force: true });
    throw error;
  } finally {
    rmSync(password, { force: true });
  }
}

function server(
  settings: LabSettings,
  programs: string,
  user: User,
  addresses: readonly string[],
  tls?: ServerCertificate,
): ServerCommand {
  const port = settings.ports.postgresql;
  return {
    name: "postgresql",
    command: [
      join(programs, "postgres"),
      ...["-D", dataDirectory(settings)],
      ...["-p", String(port)],
      ...["-c", `listen_addresses=${addresses.join(",")}`],
      ...["-c", "unix_socket_directories="],
      ...(tls ? ["-c", "ssl=on", "-c", `ssl_cert_file=${tls.certificate}`] : []),
      ...(tls ? ["-c", `ssl_key_file=${tls.key}`] : []),
    ],
    user,
    unhealthy: () => refusal(port),
    patience: 60,
  };
}
