import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { installedProgram } from "./debian-packages.ts";
import { labErrors } from "./errors.ts";
import { getOverSocket } from "./http.ts";
import { unmountBelow } from "./mounts.ts";
import { onPath } from "./on-path.ts";
import { commandLine, identify } from "./processes.ts";
import {
  endProcess,
  ensureServer,
  findServer,
  type ServerCommand,
  stopLeftovers,
} from "./servers.ts";
import type { LabSettings } from "./settings.ts";
import type { Work } from "./work.ts";

const DEFAULT_SOCKET = "/var/run/docker.sock";
const REMEDY = "install Docker (https://docs.docker.com/engine/install/) and start it";
/** sun_path has 108 bytes, the last of them a zero: unix(7). */
const LONGEST_SOCKET_PATH = 107;

/** A Docker that runs already, as DOCKER_HOST is written; nothing when the lab needs its own. */
export async function dockerInUse(settings: LabSettings): Promise<string | undefined> {
  const own = `unix://${settings.docker.socket}`;
  const named = process.env.DOCKER_HOST;
  if (named && named !== own) {
    if (!named.startsWith("unix://")) throw labErrors.dockerHostUnusable(named);
    const silence = await whySilent(named.slice("unix://".length));
    if (silence) throw labErrors.dockerSilent(named, silence);
    return named;
  }
  // What an earlier lab-up put into a Docker of its own is to be found again.
  if (existsSync(settings.docker.dataDir)) return undefined;
  for (const socket of [savedSocket(settings), DEFAULT_SOCKET])
    if (socket && !(await whySilent(socket))) return `unix://${socket}`;
  return undefined;
}

/** The Docker that an earlier lab-up found, though DOCKER_HOST may have been set only then. */
function savedSocket({ stateFile }: LabSettings): string | undefined {
  try {
    return JSON.parse(readFileSync(stateFile, "utf8")).dockerHost.slice("unix://".length);
  } catch {
    return undefined; // there is none, or half of one
  }
}

/** A Docker for the lab: one that runs already, or else a dockerd of the lab's own. */
export async function ensureDocker(
  work: Work,
): Promise<{ host: string; did: "started" | "running" | "found" }> {
  const { settings } = work;
  const inUse = await dockerInUse(settings);
  if (inUse) {
    await dockerCommand(work);
    return { host: inUse, did: "found" };
  }
  await installedProgram("dockerd", dockerPackages(), REMEDY, work);
  await dockerCommand(work);
  // Where systemd runs, installing Docker has started it.
  const installed = await dockerInUse(settings);
  if (installed) return { host: installed, did: "found" };
  const host = `unix://${settings.docker.socket}`;
  const server = dockerd(settings);
  if (findServer(settings, "dockerd", server.command))
    return { host, did: await ensureServer(settings, server, work.signal) };
  try {
    await prepare(work);
    return { host, did: await ensureServer(settings, server, work.signal) };
  } catch (error) {
    await stopLeftovers(settings);
    await tidyUpAfterDockerd(settings);
    throw error;
  }
}

/** Removes what a stopped dockerd leaves in the kernel and in /run. */
export async function tidyUpAfterDockerd(settings: LabSettings): Promise<void> {
  const { bridge } = settings.docker;
  if (existsSync(`/sys/class/net/${bridge}`)) await execa("ip", ["link", "delete", bridge]);
  await unmountBelow(settings.runDir);
  rmSync(settings.runDir, { recursive: true, force: true });
}

/** The docker command line; Debian has it in docker.io, newer releases in docker-cli. */
export async function dockerCommand(work: Work): Promise<string> {
  return installedProgram("docker", ["docker-cli"], REMEDY, work);
}

function dockerd(settings: LabSettings): ServerCommand {
  const { socket, dataDir, execDir, bridge } = settings.docker;
  return {
    name: "dockerd",
    command: [
      onPath("dockerd") ?? "dockerd",
      ...["--host", `unix://${socket}`],
      ...["--data-root", dataDir],
      ...["--exec-root", execDir],
      ...["--pidfile", dockerdPidFile(settings)],
      // docker0 belongs to a Docker that may be started beside this one.
      ...["--bridge", bridge],
      // A containerd of the system's is used where it runs; another Docker uses it too.
      ...["--containerd-namespace", bridge],
      ...["--containerd-plugins-namespace", `${bridge}-plugins`],
    ],
    unhealthy: () => whySilent(socket),
    patience: 120,
  };
}

async function prepare(work: Work): Promise<void> {
  const { settings } = work;
  const { socket, dataDir, bridge } = settings.docker;
  if (Buffer.byteLength(socket) > LONGEST_SOCKET_PATH)
    throw labErrors.socketPathTooLong(socket, Buffer.byteLength(socket));
  mkdirSync(settings.runDir, { recursive: true });
  // A dockerd that is left over makes it again for root alone; databases in it run as other users.
  chmodSync(settings.runDir, 0o755);
  mkdirSync(dataDir, { recursive: true });
  // After a crash it names a pid that may belong to somebody else now, and dockerd refuses to start.
  rmSync(dockerdPidFile(settings), { force: true });
  await endContainerd(settings);
  if (existsSync(`/sys/class/net/${bridge}`)) return;
  const ip = await installedProgram("ip", ["iproute2"], "install iproute2", work);
  await execa(ip, ["link", "add", bridge, "type", "bridge"]);
  await execa(ip, ["address", "add", freeSubnet(settings.basePort), "dev", bridge]);
  await execa(ip, ["link", "set", bridge, "up"]);
}

/**
 * Ends the containerd of a dockerd that was killed. dockerd takes any process with that pid for it, a
 * zombie too, and gives up when it does not answer; the containers go on without it.
 */
async function endContainerd({ docker: { execDir } }: LabSettings): Promise<void> {
  const file = join(execDir, "containerd", "containerd.pid");
  const running = existsSync(file) && identify(Number(readFileSync(file, "utf8")));
  if (running && commandLine(running.pid).some((word) => word.startsWith(execDir)))
    await endProcess(running, "containerd", 10);
  rmSync(file, { force: true });
}

/** An address and mask for the bridge, in a network that no interface of this machine is in. */
export function freeSubnet(basePort: number, interfaces = networkInterfaces()): string {
  const taken = Object.values(interfaces)
    .flatMap((addresses) => addresses ?? [])
    .map(({ address }) => address.split(".").slice(0, 3).join("."));
  for (let step = 0; step < 256; step += 1) {
    const network = `172.28.${(basePort + step) % 256}`;
    if (!taken.includes(network)) return `${network}.1/24`;
  }
  return "172.28.0.1/24";
}

function dockerPackages(): string[] {
  // Where the kernel has AppArmor, dockerd wants its parser, which docker.io only recommends.
  return existsSync("/sys/module/apparmor") ? ["docker.io", "apparmor"] : ["docker.io"];
}

function dockerdPidFile(settings: LabSettings): string {
  return join(settings.runDir, "dockerd.pid");
}

async function whySilent(socket: string): Promise<string | undefined> {
  try {
    const status = await getOverSocket(socket, "/_ping");
    return status === 200 ? undefined : `it answers /_ping with ${status}`;
  } catch (error) {
    return (error as Error).message;
  }
}
