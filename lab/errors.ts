/**
 * What can go wrong with the embedded homelab, one factory a mistake. Each says in one line what
 * happened, and what the reader can do about it.
 */
import { UserError } from "../config/errors.ts";

/** A UserError of one line. */
export class LabError extends UserError {
  constructor(message: string) {
    super([message]);
  }
}

/** Ctrl-C, or the end of the terminal: what was done about it. No mistake, and exit code 130. */
export class Interrupted extends LabError {}

const ELSEWHERE = "or describe your own servers in homelab.config.ts";

export const labErrors = {
  notLinux: (platform: string) =>
    new LabError(
      `the embedded homelab needs Linux, this is ${platform}: use a Linux machine, ${ELSEWHERE}`,
    ),

  notRoot: (user: number) =>
    new LabError(
      `the embedded homelab starts dockerd and Nomad and needs root, this is uid ${user}: run the same command with sudo -E, ${ELSEWHERE}`,
    ),

  portTaken: (port: number, wantedFor: string, holder?: { name: string; pid: number }) =>
    new LabError(
      `port ${port} (${wantedFor}) is in use by ${holder ? `${holder.name} (pid ${holder.pid})` : "another process"}: stop it, or set HOMELAB_LAB_PORT to another base port`,
    ),

  diskFull: (path: string, freeGiB: number, neededGiB: number) =>
    new LabError(
      `${path} has ${freeGiB.toFixed(1)} GiB free and the embedded homelab needs ${neededGiB} GiB: free some, or set HOMELAB_LAB to a folder on another disk`,
    ),

  dockerHostUnusable: (host: string) =>
    new LabError(
      `DOCKER_HOST is ${host}, and the embedded homelab needs a Docker on this machine behind a unix socket: unset DOCKER_HOST, or set it to unix:///path`,
    ),

  dockerSilent: (host: string, reason: string) =>
    new LabError(
      `Docker at ${host} (DOCKER_HOST) does not answer (${reason}): start it, or unset DOCKER_HOST and one is started for you`,
    ),

  toolMissing: (tool: string, reason: string, remedy: string) =>
    new LabError(`${tool} is not here and can't be installed (${reason}): ${remedy}`),

  goMissing: (what: string, reason: string) =>
    new LabError(
      `${what} can't be built, ${reason}: install Go 1.26 or newer (https://go.dev/dl), or put ${what} on PATH`,
    ),

  buildFailed: (what: string, lastLines: string) =>
    new LabError(`building ${what} from its Go module failed: ${lastLines}`),

  checksumWrong: (url: string, expected: string, found: string) =>
    new LabError(`${url} has SHA-256 ${found}, expected ${expected}: nothing of it was used`),

  packagesFailed: (packages: readonly string[], lastLines: string) =>
    new LabError(`apt-get could not install ${packages.join(", ")}: ${lastLines}`),

  noBaseImage: (image: string, reason: string) =>
    new LabError(
      `no base image: ${image} can't be pulled, and making one from Debian's packages failed (${reason}): pull it by hand (docker pull ${image}), or make Debian's packages reachable`,
    ),

  serverDied: (server: string, log: string, lastLines: string) =>
    new LabError(`${server} ended while starting: ${lastLines} (all of it: ${log})`),

  serverSilent: (server: string, seconds: number, log: string, lastLines: string) =>
    new LabError(
      `${server} was started and is not healthy after ${seconds} s: ${lastLines} (all of it: ${log})`,
    ),

  serverImmortal: (server: string, pid: number) =>
    new LabError(`${server} (pid ${pid}) does not end: see what holds it, then run lab-down again`),

  socketPathTooLong: (path: string, bytes: number) =>
    new LabError(`${path} has ${bytes} bytes, and the path of a unix socket may have 107`),

  badPort: (value: string) =>
    new LabError(
      `HOMELAB_LAB_PORT is ${JSON.stringify(value)}: it must be a whole number from 1024 to 65455, the first of the 81 ports the lab may use`,
    ),

  badState: (path: string, problems: string) =>
    new LabError(
      `${path} is not what lab-up wrote (${problems}): run lab-up, which writes it again`,
    ),

  foreignFolder: (path: string) =>
    new LabError(
      `${path} holds other things than a lab: set HOMELAB_LAB to a folder that is empty or not there yet`,
    ),

  notDeleted: (path: string) =>
    new LabError(`${path} was not made by lab-up and is not deleted: check HOMELAB_LAB`),

  busy: (path: string, pid: number) =>
    new LabError(`another lab-up or lab-down (pid ${pid}) works on ${path}: wait for it`),

  neverUp: () => new LabError("the embedded homelab was not set up yet: run make lab-up first"),

  notRunning: () => new LabError("the embedded homelab does not run: run make lab-up first"),

  interrupted: () =>
    new Interrupted(
      "interrupted: what this command had started is stopped again; data and downloads stay, run it again to go on",
    ),

  jobHasNoName: (resource: string) =>
    new LabError(`nomad_job.${resource}: its jobspec has no job "name" { ... }`),

  unsupported: (what: string) =>
    new LabError(
      `${what} can't be done by the nomad CLI in place of the nomad provider: make registry.terraform.io reachable, or install hashicorp/nomad in a Terraform plugin folder`,
    ),
} as const;

/** The last lines of a log, on one line: what an error message has room for. */
export function lastLines(text: string, count = 3): string {
  const lines = text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
  return lines.slice(-count).join(" | ").slice(-600) || "it said nothing";
}
