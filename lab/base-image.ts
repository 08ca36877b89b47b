import { createHash } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ExecaError, execa } from "execa";
import { installedProgram } from "./debian-packages.ts";
import { dockerCommand } from "./dockerd.ts";
import { labErrors, lastLines } from "./errors.ts";
import type { Source } from "./state.ts";
import type { Work } from "./work.ts";

/** The official image that the server's Dockerfile is written for. */
const OFFICIAL = "python:3.11-slim-bookworm";

/**
 * mmdebstrap(1) makes the same from Debian's packages: a minimal Debian with its Python. With
 * usr-is-merged in place of usrmerge perl stays out, 47 MB.
 */
const RECIPE = [
  "--variant=minbase",
  "--include=python3,python3-venv,ca-certificates,usr-is-merged",
  "--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr",
  ...["doc", "man", "locale", "info", "lintian"].map(
    (folder) => `--dpkgopt=path-exclude=/usr/share/${folder}/*`,
  ),
  "bookworm",
] as const;

/** Docker's hub is asked by Docker itself, which waits long where nothing answers. */
const PULL_CONNECT_SECONDS = 5;

/**
 * The image that the server's image is built on, in the lab's Docker: the official one when it is
 * there or can be pulled, else one made from Debian's packages.
 *
 * @throws LabError when neither can be had
 */
export async function ensureBaseImage(
  dockerHost: string,
  work: Work,
): Promise<{ image: string; source: Source }> {
  const docker = await dockerCommand(work);
  const options = { env: { DOCKER_HOST: dockerHost }, cancelSignal: work.signal } as const;
  const has = async (image: string) =>
    (await execa(docker, ["image", "inspect", image], { ...options, reject: false })).exitCode ===
    0;

  if (await has(OFFICIAL)) return found(OFFICIAL, "in Docker already");
  const made = `homelab-mlflow-base:${recipeHash()}`;
  if (await has(made)) return found(made, "made from Debian's packages");
  if (await hubAnswers(work)) {
    work.say(`docker pull ${OFFICIAL}`);
    const pull = await execa(docker, ["pull", "--quiet", OFFICIAL], { ...options, reject: false });
    work.signal.throwIfAborted();
    if (pull.exitCode === 0) return found(OFFICIAL, "Docker Hub");
  }
  try {
    const root = await rootFilesystem(work);
    work.say(`docker import, as ${made}`);
    await execa(docker, ["import", "--change", "ENV LANG=C.UTF-8", root, made], options);
  } catch (error) {
    work.signal.throwIfAborted();
    if (!(error instanceof ExecaError)) throw error;
    throw labErrors.noBaseImage(OFFICIAL, lastLines(String(error.stderr)));
  }
  return found(made, "made from Debian's packages");
}

/** The root of a minimal Debian as a tar, made once for every recipe. */
async function rootFilesystem(work: Work): Promise<string> {
  const folder = join(work.settings.cacheDir, "base-image");
  const path = join(folder, `${recipeHash()}.tar`);
  if (existsSync(path)) return path;
  const mmdebstrap = await installedProgram(
    "mmdebstrap",
    ["mmdebstrap"],
    `docker pull ${OFFICIAL}, where Docker's hub can be reached`,
    work,
  );
  mkdirSync(folder, { recursive: true });
  // mmdebstrap tells the format from the name, and leaves the file behind when it fails.
  const unfinished = join(folder, `${process.pid}.unfinished.tar`);
  // When it is killed, its work in progress goes with this folder.
  const temporary = mkdtempSync(join(tmpdir(), "homelab-mlflow-"));
  chmodSync(temporary, 0o755); // apt downloads as a user of its own
  work.say("making a base image from Debian's packages: a minute, once");
  try {
    await execa(mmdebstrap, [...RECIPE, unfinished], {
      env: { TMPDIR: temporary },
      cancelSignal: work.signal,
      forceKillAfterDelay: 20_000,
    });
    renameSync(unfinished, path);
  } finally {
    rmSync(unfinished, { force: true });
    rmSync(temporary, { recursive: true, force: true });
  }
  return path;
}

/** Whether Docker's hub can be reached. */
export async function hubAnswers({ signal }: Work): Promise<boolean> {
  try {
    const patience = AbortSignal.timeout(PULL_CONNECT_SECONDS * 1000);
    // It answers 401, which is an answer.
    await fetch("https://registry-1.docker.io/v2/", {
      signal: AbortSignal.any([signal, patience]),
    });
    return true;
  } catch {
    signal.throwIfAborted();
    return false;
  }
}

function recipeHash(): string {
  return createHash("sha256").update(RECIPE.join(" ")).digest("hex").slice(0, 12);
}

function found(image: string, from: string): { image: string; source: Source } {
  return { image, source: { part: "base image", version: image, from } };
}
