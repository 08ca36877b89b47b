import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { labErrors } from "./errors.ts";

/** Where the repository is: the folder above this one. */
export const REPOSITORY = fileURLToPath(new URL("..", import.meta.url)).replace(/\/$/, "");

const DEFAULT_BASE_PORT = 24600;
/** The highest of the ports is 80 above it. */
const LAST_BASE_PORT = 65455;

/**
 * The servers of the lab, in the order in which they start; "nomad" is the client agent. The last
 * three are started by who wants to deploy to them.
 */
export type ServerName =
  | "dockerd"
  | "registry"
  | "nomad-server"
  | "nomad"
  | "traefik"
  | "dnsmasq"
  | "postgresql"
  | "mariadb"
  | "versitygw";

/** Where the embedded homelab lives. Two that differ in `dir` and `basePort` run side by side. */
export interface LabSettings {
  /** All data of this lab. From HOMELAB_LAB, by default `.lab` in the repository. */
  readonly dir: string;
  /** What was downloaded or built, keyed by content, shared by all labs of this user. */
  readonly cacheDir: string;
  /** From HOMELAB_LAB_PORT, by default 24600. */
  readonly basePort: number;
  /** TCP ports on 127.0.0.1. */
  readonly ports: {
    /** The server's HTTP API: the address of the cluster. */
    readonly nomadHttp: number;
    readonly nomadRpc: number;
    readonly nomadSerf: number;
    /** The client agent's own HTTP API. */
    readonly nomadClientHttp: number;
    readonly registry: number;
    /** The static port of the deployed MLflow. */
    readonly mlflow: number;
    /** Traefik's entry point. */
    readonly traefik: number;
    /** The DNS server's, UDP too. */
    readonly dns: number;
    readonly postgresql: number;
    readonly mariadb: number;
    /** Of a database that a deploy runs. */
    readonly managedDatabase: number;
    readonly s3: number;
  };
  /** Sockets and other files that do not outlive a boot. Short: a socket's path has 107 bytes. */
  readonly runDir: string;
  /** Says that the folder is a lab: without it nothing is deleted there. */
  readonly markFile: string;
  readonly lockFile: string;
  /** What `lab-up` found and set up, see state.ts. */
  readonly stateFile: string;
  readonly logDir: string;
  readonly docker: {
    readonly socket: string;
    readonly dataDir: string;
    readonly execDir: string;
    /** Name of the network bridge; Linux allows 15 characters. */
    readonly bridge: string;
  };
  readonly registry: { readonly dataDir: string; readonly configFile: string };
  readonly nomad: {
    readonly serverDataDir: string;
    readonly serverConfigFile: string;
    readonly clientDataDir: string;
    /** The client reads every file in it; the playbook puts its own beside the lab's. */
    readonly configDir: string;
    readonly clientConfigFile: string;
    /** What was known of each job when it was last registered by the CLI, see registrations.ts. */
    readonly registrationDir: string;
  };
  readonly traefik: {
    readonly configFile: string;
    /** It reads every file in it, and again when one changes: certificates, say. */
    readonly dynamicDir: string;
  };
  readonly dnsmasq: {
    readonly configFile: string;
    /** It reads every .conf file in it; the playbook puts its own there. */
    readonly recordDir: string;
  };
  /** Of the S3 server: each folder in it is a bucket. */
  readonly s3: { readonly dataDir: string };
  readonly terraform: {
    /** Terraform's CLI config, written where its registry can't be reached. */
    readonly cliConfig: string;
    readonly mirrorDir: string;
    readonly stateFile: string;
  };
  readonly volumes: {
    readonly backendStore: string;
    readonly artifacts: string;
    readonly files: string;
  };
}

/**
 * The settings of the lab that an environment names.
 *
 * @throws LabError when HOMELAB_LAB_PORT is no usable port
 */
export function labSettings(env: NodeJS.ProcessEnv = process.env): LabSettings {
  const dir = resolve(env.HOMELAB_LAB || join(REPOSITORY, ".lab"));
  const basePort = parseBasePort(env.HOMELAB_LAB_PORT);
  // XDG base directories: a relative path in the variable is to be ignored.
  const cacheHome = env.XDG_CACHE_HOME?.startsWith("/")
    ? env.XDG_CACHE_HOME
    : join(env.HOME || homedir(), ".cache");
  const runDir = `/run/homelab-mlflow/${basePort}`;
  const nomadConfigDir = join(dir, "nomad", "config.d");
  return {
    dir,
    cacheDir: join(cacheHome, "homelab-mlflow"),
    basePort,
    ports: {
      nomadHttp: basePort + 46,
      nomadRpc: basePort + 47,
      nomadSerf: basePort + 48,
      nomadClientHttp: basePort + 49,
      registry: basePort + 50,
      dns: basePort + 53,
      postgresql: basePort + 54,
      mlflow: basePort + 55,
      managedDatabase: basePort + 56,
      mariadb: basePort + 57,
      s3: basePort + 70,
      traefik: basePort + 80,
    },
    runDir,
    markFile: join(dir, ".homelab-mlflow-lab"),
    lockFile: join(dir, "lock.json"),
    stateFile: join(dir, "lab.json"),
    logDir: join(dir, "log"),
    docker: {
      socket: join(runDir, "docker.sock"),
      dataDir: join(dir, "docker"),
      execDir: join(runDir, "docker"),
      bridge: `homelab${basePort}`,
    },
    registry: { dataDir: join(dir, "registry"), configFile: join(dir, "registry.yml") },
    nomad: {
      serverDataDir: join(dir, "nomad", "server"),
      serverConfigFile: join(dir, "nomad", "server.json"),
      clientDataDir: join(dir, "nomad", "data"),
      configDir: nomadConfigDir,
      clientConfigFile: join(nomadConfigDir, "00-lab.json"),
      registrationDir: join(dir, "nomad", "registrations"),
    },
    traefik: { configFile: join(dir, "traefik.yml"), dynamicDir: join(dir, "traefik.d") },
    dnsmasq: {
      configFile: join(dir, "dnsmasq", "dnsmasq.conf"),
      recordDir: join(dir, "dnsmasq", "records"),
    },
    s3: { dataDir: join(dir, "s3") },
    terraform: {
      cliConfig: join(dir, "terraform.rc"),
      mirrorDir: join(dir, "providers"),
      stateFile: join(dir, "terraform.mlflow.tfstate"),
    },
    volumes: {
      backendStore: join(dir, "volumes", "backend-store"),
      artifacts: join(dir, "volumes", "artifacts"),
      files: join(dir, "volumes", "files"),
    },
  };
}

export function pidFile(settings: LabSettings, server: ServerName): string {
  return join(settings.dir, "pid", `${server}.json`);
}

export function logFile(settings: LabSettings, server: ServerName): string {
  return join(settings.logDir, `${server}.log`);
}

function parseBasePort(value: string | undefined): number {
  if (!value) return DEFAULT_BASE_PORT;
  const port = Number(value);
  if (!Number.isInteger(port) || port < 1024 || port > LAST_BASE_PORT)
    throw labErrors.badPort(value);
  return port;
}
