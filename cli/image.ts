import { join } from "node:path";
import { execa } from "execa";
import { UserError } from "../config/errors.ts";
import { extrasOf } from "../config/extras.ts";
import { loadConfig, ROOT } from "../config/load.ts";
import { driversOf } from "../config/storage.ts";
import { probeDocker } from "../preflight/docker.ts";
import { probeRegistry } from "../preflight/registry.ts";
import { dockerCommand } from "./docker-command.ts";
import { expectLab } from "./lab.ts";

/** Builds the image with the tag that version.txt names. */
export async function buildImage(): Promise<void> {
  const { config, version } = await loadConfig();
  await build(config, `v${version}`);
}

/** Pushes the image that `build` made. */
export async function pushImage(): Promise<void> {
  const { config, version } = await loadConfig();
  await push(config, `v${version}`);
}

/** Builds and pushes the image with the tag "latest". */
export async function pushLatestImage(): Promise<void> {
  const { config } = await loadConfig();
  await build(config, "latest");
  await push(config, "latest");
}

type Config = Awaited<ReturnType<typeof loadConfig>>["config"];

async function build(config: Config, tag: string): Promise<void> {
  await expectLab(config);
  stopOn(await probeDocker(config));
  const { baseImage, uid, gid, caBundle } = config.image;
  const buildArgs = {
    BASE_IMAGE: baseImage,
    STORES: driversOf(config.storage).join(" "),
    EXTRAS: extrasOf(config.server).join(" "),
    UID: String(uid),
    GID: String(gid),
  };
  await docker(config, [
    "build",
    ...Object.entries(buildArgs).flatMap(([key, value]) => ["--build-arg", `${key}=${value}`]),
    ...(caBundle ? ["--secret", `id=ca,src=${caBundle}`] : []),
    "--tag",
    reference(config, tag),
    join(ROOT, "image"),
  ]);
}

async function push(config: Config, tag: string): Promise<void> {
  await expectLab(config);
  stopOn([...(await probeDocker(config)), ...(await probeRegistry(config))]);
  await docker(config, ["push", reference(config, tag)]);
}

function reference({ registry, image }: Config, tag: string): string {
  return `${registry.address}/${image.name}:${tag}`;
}

function stopOn(problems: string[]): void {
  if (problems.length > 0) throw new UserError(problems);
}

async function docker(config: Config, args: string[]): Promise<void> {
  const host = config.docker.host ? { DOCKER_HOST: config.docker.host } : {};
  const env = { DOCKER_BUILDKIT: "1", ...host };
  const command = await dockerCommand();
  const result = await execa(command, args, { env, stdio: "inherit", reject: false });
  if (result.failed) throw new UserError([`docker ${args[0]} failed; what it said is above`]);
}
