import { Agent, request } from "undici";
import { reason } from "../config/reason.ts";
import type { HomelabConfig } from "../config/schema.ts";
import { run } from "./run.ts";

const SETTING = "start it, or set docker.host or DOCKER_HOST";
const DEFAULT_HOST = "unix:///var/run/docker.sock";

/** Does the Docker daemon that builds the image answer? */
export async function probeDocker({ docker }: HomelabConfig): Promise<string[]> {
  const host = docker.host || process.env.DOCKER_HOST || DEFAULT_HOST;
  try {
    if (host.startsWith("unix://")) await ping(host.slice("unix://".length));
    else await askTheCommand(host);
    return [];
  } catch (error) {
    return [`Docker at ${host}: ${reason(error)}; ${SETTING}`];
  }
}

async function ping(socketPath: string): Promise<void> {
  const dispatcher = new Agent({ connect: { socketPath, timeout: 5_000 }, headersTimeout: 10_000 });
  const answer = await request("http://docker/_ping", { dispatcher });
  await answer.body.dump();
  if (answer.statusCode !== 200) throw new Error(`it answered ${answer.statusCode}`);
}

/** TCP with client certificates and ssh are the docker command's to set up. */
async function askTheCommand(host: string): Promise<void> {
  const args = ["version", "--format", "{{.Server.Version}}"];
  const { code, stderr } = await run("docker", args, 10, { DOCKER_HOST: host });
  if (code === 0) return;
  if (code === "ENOENT") throw new Error("the docker command, which would ask it, is not found");
  throw new Error(stderr || "no answer in 10 s");
}
