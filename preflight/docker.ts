import { execa } from "execa";
import { Agent, request } from "undici";
import type { HomelabConfig } from "../config/schema.ts";
import { reason } from "./reason.ts";

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
  const asked = await execa("docker", ["version", "--format", "{{.Server.Version}}"], {
    env: { DOCKER_HOST: host },
    timeout: 10_000,
    reject: false,
  });
  if (asked.timedOut) throw new Error("no answer in 10 s");
  if (asked.failed) throw new Error(String(asked.stderr || asked.message));
}
