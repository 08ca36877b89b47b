import { ExecaError, execa } from "execa";
import { debianRecipe, debianRoot, recipeHash } from "./debian-root.ts";
import { dockerCommand } from "./dockerd.ts";
import { labErrors, lastLines } from "./errors.ts";
import type { Source } from "./state.ts";
import type { Work } from "./work.ts";

/** The official image that the server's Dockerfile is written for. */
const OFFICIAL = "python:3.11-slim-bookworm";

/** The same from Debian's packages: a minimal Debian with its Python. */
const RECIPE = debianRecipe(["python3", "python3-venv"]);

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
  const made = `homelab-mlflow-base:${recipeHash(RECIPE)}`;
  if (await has(made)) return found(made, "made from Debian's packages");
  if (await hubAnswers(work)) {
    work.say(`docker pull ${OFFICIAL}`);
    const pull = await execa(docker, ["pull", "--quiet", OFFICIAL], { ...options, reject: false });
    work.signal.throwIfAborted();
    if (pull.exitCode === 0) return found(OFFICIAL, "Docker Hub");
  }
  try {
    const root = await debianRoot(
      RECIPE,
      `docker pull ${OFFICIAL}, where Docker's hub can be reached`,
      work,
    );
    work.say(`docker import, as ${made}`);
    await execa(docker, ["import", "--change", "ENV LANG=C.UTF-8", root, made], options);
  } catch (error) {
    work.signal.throwIfAborted();
    if (!(error instanceof ExecaError)) throw error;
    throw labErrors.noBaseImage(OFFICIAL, lastLines(String(error.stderr)));
  }
  return found(made, "made from Debian's packages");
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

function found(image: string, from: string): { image: string; source: Source } {
  return { image, source: { part: "base image", version: image, from } };
}
