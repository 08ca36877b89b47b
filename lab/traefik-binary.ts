import { chmodSync, existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { execa } from "execa";
import { hubAnswers } from "./base-image.ts";
import { dockerCommand } from "./dockerd.ts";
import { goBuild } from "./go-build.ts";
import { onPath } from "./on-path.ts";
import type { Source } from "./state.ts";
import type { Work } from "./work.ts";

const VERSION = "3.5.4";
const IMAGE = `traefik:v${VERSION}`;
const PROGRAM_IN_IMAGE = "/usr/local/bin/traefik";

/** Traefik: from PATH, else out of its own image on Docker's hub, else built from its Go module. */
export async function traefikBinary(
  dockerHost: string,
  work: Work,
): Promise<{ path: string; source: Source }> {
  const installed = onPath("traefik");
  if (installed) {
    const version = await traefikVersion(installed);
    if (version && isUsable(version)) return found(installed, version, installed);
  }
  const pulled = await fromImage(dockerHost, work);
  if (pulled) return found(pulled, VERSION, `the image ${IMAGE}`);
  const built = await goBuild(
    {
      folder: "traefik",
      package: "github.com/traefik/traefik/v3/cmd/traefik",
      program: "traefik",
      title: "Traefik",
      // Else it says that it is "dev".
      ldflags: `-X github.com/traefik/traefik/v3/pkg/version.Version=${VERSION}`,
    },
    work,
  );
  return found(built, VERSION, "built from pinned Go modules");
}

/** The Nomad provider, and rules as they are written here, came with 3. */
export function isUsable(version: string): boolean {
  return Number(version.split(".")[0]) === 3;
}

async function traefikVersion(binary: string): Promise<string | undefined> {
  const { stdout } = await execa(binary, ["version"], { reject: false });
  return /^Version:\s+v?(\d+\.\d+\.\d+)/m.exec(stdout)?.[1];
}

/** The program runs beside the lab's other servers, so only it is taken out of the image. */
async function fromImage(dockerHost: string, work: Work): Promise<string | undefined> {
  const path = join(work.settings.cacheDir, "images", IMAGE.replace(":", "-"), "traefik");
  if (existsSync(path)) return path;
  const docker = await dockerCommand(work);
  const options = {
    env: { DOCKER_HOST: dockerHost },
    cancelSignal: work.signal,
    reject: false,
  } as const;
  const present = await execa(docker, ["image", "inspect", IMAGE], options);
  if (present.exitCode !== 0) {
    if (!(await hubAnswers(work))) return undefined;
    work.say(`docker pull ${IMAGE}`);
    const pull = await execa(docker, ["pull", "--quiet", IMAGE], options);
    work.signal.throwIfAborted();
    if (pull.exitCode !== 0) return undefined;
  }
  const made = await execa(docker, ["create", IMAGE, "version"], options);
  work.signal.throwIfAborted();
  if (made.exitCode !== 0) return undefined;
  const container = made.stdout.trim();
  mkdirSync(dirname(path), { recursive: true });
  const unfinished = `${path}.${process.pid}`;
  try {
    const from = `${container}:${PROGRAM_IN_IMAGE}`;
    const copied = await execa(docker, ["cp", from, unfinished], options);
    work.signal.throwIfAborted();
    if (copied.exitCode !== 0) return undefined;
    chmodSync(unfinished, 0o755);
    renameSync(unfinished, path);
    return path;
  } finally {
    rmSync(unfinished, { force: true });
    await execa(docker, ["rm", container], { ...options, cancelSignal: undefined });
  }
}

function found(path: string, version: string, from: string): { path: string; source: Source } {
  return { path, source: { part: "Traefik", version, from } };
}
