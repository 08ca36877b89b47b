/** Before the tests on real servers: a lab of their own, beside the user's. After them: stopped. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { dockerCommand } from "../cli/docker-command.ts";
import { ROOT } from "../config/load.ts";
import { labDown } from "../lab/down.ts";
import { type LabSettings, labSettings } from "../lab/settings.ts";
import { readLabState } from "../lab/state.ts";
import { labUp } from "../lab/up.ts";
import { installTestTools } from "./tools.ts";

export default async function setup(): Promise<() => Promise<void>> {
  // Two projects have this setup; the first to come starts the lab, and stops it in the end.
  if (process.env.HOMELAB_LAB_OF_TESTS) return async () => {};
  process.env.HOMELAB_LAB_OF_TESTS = "up";
  process.env.HOMELAB_LAB = join(ROOT, ".lab-tests");
  // Below what Linux gives to outgoing connections.
  process.env.HOMELAB_LAB_PORT ??= "26600";
  const settings = labSettings();
  await installTestTools();
  await labUp(settings);
  const state = readLabState(settings);
  const provider = state?.nomadProvider;
  console.log(
    provider === "cli"
      ? "the job is registered by the nomad command: no hashicorp/nomad provider was found"
      : `the job is registered by the hashicorp/nomad provider (${provider})`,
  );
  process.env.HOMELAB_TEST_NOMAD = state?.nomadBinary;
  process.env.HOMELAB_TEST_IMAGE = await buildImage(settings);
  process.env.HOMELAB_TEST_IMAGE_ID = await idOf(process.env.HOMELAB_TEST_IMAGE, state?.dockerHost);
  return () => labDown(settings, { purge: process.env.HOMELAB_KEEP_LAB !== "1" });
}

/** What a tag names now: tests that deploy give it to images with more in them. */
async function idOf(image: string, DOCKER_HOST?: string): Promise<string> {
  const inspect = ["image", "inspect", "--format", "{{.Id}}", image];
  return (await execa(await dockerCommand(), inspect, { env: { DOCKER_HOST } })).stdout;
}

/** The image as `make build` makes it. */
async function buildImage(settings: LabSettings): Promise<string> {
  await execa("node_modules/.bin/jiti", ["cli/homelab.ts", "build"], { cwd: ROOT });
  const version = readFileSync(join(ROOT, "version.txt"), "utf8").trim();
  return `127.0.0.1:${settings.ports.registry}/mlflow:v${version}`;
}
