import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { tidyUpAfterDockerd } from "./dockerd.ts";
import { labErrors } from "./errors.ts";
import { lockLab } from "./lock.ts";
import { unmountBelow } from "./mounts.ts";
import { onPath } from "./on-path.ts";
import { findServer, stopLeftovers, stopServer } from "./servers.ts";
import type { LabSettings, ServerName } from "./settings.ts";

export interface LabDownOptions {
  /** Deletes the lab's folder as well, without asking. Default: false, the data stays. */
  readonly purge?: boolean;
  /** Where lines for the reader go. Default: standard output. */
  readonly say?: (line: string) => void;
}

/**
 * Stops all that the lab started, jobs included. The next lab-up starts all of it again, with its
 * data; a Docker that was running before the lab goes on running.
 */
export async function labDown(
  settings: LabSettings,
  { purge = false, say = console.log }: LabDownOptions = {},
): Promise<void> {
  if (!existsSync(settings.dir)) return say(`There is no lab in ${settings.dir}`);
  if (purge && !existsSync(settings.markFile)) throw labErrors.notDeleted(settings.dir);
  const release = lockLab(settings);
  try {
    await stop(settings, "traefik", say);
    await stop(settings, "dnsmasq", say);
    // Nomad's client before its containers: it would start a container again that ends.
    await stop(settings, "nomad", say);
    await stop(settings, "nomad-server", say);
    await stopIfRunning(settings, "postgresql", say);
    await stopIfRunning(settings, "mariadb", say);
    await stopIfRunning(settings, "versitygw", say);
    if (!findServer(settings, "dockerd")) await stopContainers(settings);
    await stop(settings, "registry", say);
    await stop(settings, "dockerd", say);
    await stopLeftovers(settings);
    await unmountBelow(settings.dir);
    await tidyUpAfterDockerd(settings);
    if (purge) {
      rmSync(settings.dir, { recursive: true, force: true });
      say(`Deleted ${settings.dir}`);
    }
  } finally {
    release();
  }
}

async function stop(
  settings: LabSettings,
  name: ServerName,
  say: (line: string) => void,
): Promise<void> {
  say(`${name}: ${await stopServer(settings, name)}`);
}

/** Of a server that not every lab has, nothing is said where it is not. */
async function stopIfRunning(
  settings: LabSettings,
  name: ServerName,
  say: (line: string) => void,
): Promise<void> {
  if (findServer(settings, name)) await stop(settings, name, say);
}

/** Stops the containers of this lab's allocations, where they are in a Docker that is not ours. */
async function stopContainers(settings: LabSettings): Promise<void> {
  const docker = onPath("docker");
  const host = dockerHostOf(settings);
  const allocations = join(settings.nomad.clientDataDir, "alloc");
  if (!docker || !host || !existsSync(allocations)) return;
  const options = { env: { DOCKER_HOST: host }, reject: false } as const;
  for (const allocation of readdirSync(allocations)) {
    const label = `label=com.hashicorp.nomad.alloc_id=${allocation}`;
    const { stdout } = await execa(docker, ["ps", "--quiet", "--filter", label], options);
    const containers = stdout.split("\n").filter((line) => line !== "");
    if (containers.length > 0) await execa(docker, ["stop", ...containers], options);
  }
}

function dockerHostOf({ stateFile }: LabSettings): string | undefined {
  try {
    return JSON.parse(readFileSync(stateFile, "utf8")).dockerHost;
  } catch {
    return undefined; // half a state names no Docker, and has run no job
  }
}
