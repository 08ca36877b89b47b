/** The image of tasks that name none: built once for each content of the requirements. */
import { createHash } from "node:crypto";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { dockerCommand } from "../cli/docker-command.ts";
import { UserError } from "../config/errors.ts";
import { ROOT } from "../config/load.ts";
import type { HomelabConfig } from "../config/schema.ts";
import { mlflowVersion } from "../stacks/mlflow-version.ts";
import { pushedDigest } from "../status/pushed-digest.ts";
import { withoutLogins } from "./requirements.ts";

const DOCKERFILE = join(ROOT, "sweep", "image", "Dockerfile");
const SHOWN_LINES = 5;

/** REPOSITORY:TAG of the image; the tag follows from all that goes into it. */
export function sweepImage(
  config: HomelabConfig,
  requirements = "",
): { repository: string; tag: string; args: Readonly<Record<string, string>> } {
  const { baseImage, uid, gid } = config.image;
  const args = {
    BASE_IMAGE: baseImage,
    MLFLOW_VERSION: mlflowVersion(ROOT),
    UID: String(uid),
    GID: String(gid),
  };
  const content = [readFileSync(DOCKERFILE, "utf8"), JSON.stringify(args), requirements];
  const hash = createHash("sha256").update(content.join("\0")).digest("hex").slice(0, 16);
  return { repository: `${config.image.name}-sweep`, tag: hash, args };
}

/**
 * The image by its digest: that of the registry where it was built before, else built and pushed.
 *
 * @param say tells the user what takes time
 * @throws UserError where it can't be built or pushed
 */
export async function ensureSweepImage(
  config: HomelabConfig,
  requirements: string | undefined,
  say: (line: string) => void,
): Promise<string> {
  const { repository, tag, args } = sweepImage(config, requirements);
  const registry = { ...config, image: { ...config.image, name: repository } };
  const named = `${config.registry.address}/${repository}`;
  const before = await pushedDigest(registry, tag);
  if ("unknown" in before)
    throw new UserError([`${before.unknown}; start it, or name an image with --container`]);
  if (before.digest) return `${named}@${before.digest}`;
  const once = requirements ? "minutes, once for these requirements" : "once";
  say(`building the image ${named}:${tag}: ${once}`);
  await build(config, `${named}:${tag}`, args, requirements ?? "");
  await docker(config, ["push", "--quiet", `${named}:${tag}`]);
  const pushed = await pushedDigest(registry, tag);
  if (!("digest" in pushed) || !pushed.digest)
    throw new UserError([
      `${named}:${tag}: pushed, and the registry does not have it; see its log`,
    ]);
  return `${named}@${pushed.digest}`;
}

async function build(
  config: HomelabConfig,
  reference: string,
  args: Readonly<Record<string, string>>,
  requirements: string,
): Promise<void> {
  const { caBundle } = config.image;
  const context = mkdtempSync(join(tmpdir(), "homelab-sweep-image-"));
  try {
    copyFileSync(DOCKERFILE, join(context, "Dockerfile"));
    writeFileSync(join(context, "requirements.txt"), requirements);
    await docker(config, [
      "build",
      "--progress=plain",
      ...Object.entries(args).flatMap(([key, value]) => ["--build-arg", `${key}=${value}`]),
      ...(caBundle ? ["--secret", `id=ca,src=${caBundle}`] : []),
      ...["--tag", reference, context],
    ]);
  } finally {
    rmSync(context, { recursive: true, force: true });
  }
}

async function docker(config: HomelabConfig, args: readonly string[]): Promise<void> {
  const host = config.docker.host ? { DOCKER_HOST: config.docker.host } : {};
  const env = { DOCKER_BUILDKIT: "1", ...host };
  const result = await execa(await dockerCommand(), args, { env, all: true, reject: false });
  if (!result.failed) return;
  const said = withoutLogins(String(result.all))
    .split("\n")
    .map((line) => line.replace(/^#\d+ ([\d.]+ )?/, "").trim())
    .filter((line) => /error|invalid|no matching|could not|denied|refused/i.test(line));
  throw new UserError([
    `docker ${args[0]} of the tasks' image failed`,
    ...[...new Set(said)].slice(-SHOWN_LINES),
  ]);
}
