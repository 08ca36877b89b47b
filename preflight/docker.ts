import { accessSync, constants } from "node:fs";
import { Agent, request } from "undici";
import { reason } from "../config/reason.ts";
import type { HomelabConfig } from "../config/schema.ts";
import { show } from "../config/show.ts";
import { run } from "./run.ts";

const SETTING = "start it, or set docker.host or DOCKER_HOST";
const DENIED = "be root or in the group docker, or set docker.host or DOCKER_HOST";
const DEFAULT_HOST = "unix:///var/run/docker.sock";

/** Is the file there that the build gets? */
export async function probeCaBundle({ image }: HomelabConfig): Promise<string[]> {
  try {
    if (image.caBundle) accessSync(image.caBundle, constants.R_OK);
    return [];
  } catch {
    return [`image.caBundle: found ${show(image.caBundle)}; expected a PEM file that can be read`];
  }
}

/** Does the Docker daemon that builds the image answer? */
export async function probeDocker({ docker }: HomelabConfig): Promise<string[]> {
  const host = docker.host || process.env.DOCKER_HOST || DEFAULT_HOST;
  try {
    if (host.startsWith("unix://")) await ping(host.slice("unix://".length));
    else await askTheCommand(host);
    return [];
  } catch (error) {
    const denied = (error as NodeJS.ErrnoException).code === "EACCES";
    return [`Docker at ${host}: ${reason(error)}; ${denied ? DENIED : SETTING}`];
  }
}

async function ping(socketPath: string): Promise<void> {
  const dispatcher = new Agent({ connect: { socketPath, timeout: 5_000 }, headersTimeout: 10_000 });
  const answer = await request("http://docker/_ping", { dispatcher });
  const text = await answer.body.text();
  if (answer.statusCode !== 200 || text !== "OK")
    throw new Error(`something answers there that is no Docker, with status ${answer.statusCode}`);
}

/** TCP with client certificates and ssh are the docker command's to set up. */
async function askTheCommand(host: string): Promise<void> {
  const args = ["version", "--format", "{{.Server.Version}}"];
  const { code, stderr } = await run("docker", args, 10, { DOCKER_HOST: host });
  if (code === 0) return;
  if (code === "ENOENT") throw new Error("the docker command, which would ask it, is not found");
  // ssh's own words stand at the end of a long line.
  throw new Error(/stderr=(.+)/.exec(stderr)?.[1] ?? (stderr || "no answer in 10 s"));
}
