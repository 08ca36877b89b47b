import { clientUrl } from "../config/client-url.ts";
import { UserError } from "../config/errors.ts";
import { loadConfig, ROOT } from "../config/load.ts";
import { reason } from "../config/reason.ts";
import type { HomelabConfig } from "../config/schema.ts";
import { artifactsPlace } from "../config/storage.ts";
import { dataOf, type Volume } from "../config/volume.ts";
import { NomadApi, NomadUnreachable } from "../nomad/api.ts";
import { nomadTarget } from "../nomad/target.ts";
import { mlflowVersion } from "../stacks/mlflow-version.ts";
import { gather, type JobStatus } from "../status/gather.ts";
import { pushedDigest } from "../status/pushed-digest.ts";
import { type DeploymentStatus, render } from "../status/render.ts";
import { BAD_INPUT, failWith } from "./exit-code.ts";

export interface StatusOptions {
  readonly json?: boolean;
}

/** Exit code where Nomad can't be asked. */
const NO_NOMAD = 3;

/** Shows what runs; ends with 1 when that is not a healthy MLflow, with 3 when Nomad does not say. */
export async function status({ json = false }: StatusOptions): Promise<void> {
  const { config, version } = await failWith(BAD_INPUT, () => loadConfig());
  const { job, nomad } = await failWith(NO_NOMAD, () => ask(config));
  const { backendStore, artifacts, files } = config.volumes;
  const found: DeploymentStatus = {
    job,
    mlflowVersion: mlflowVersion(ROOT),
    urls: urlsOf(config),
    nomad,
    image: { version, ...(await compare(config, version, job)) },
    volumes: {
      runs: backendStore ? placeOf(backendStore, config) : config.storage.backendStore.type,
      artifacts: artifacts ? placeOf(artifacts, config) : artifactsPlace(config.storage),
      ...(files ? { files: placeOf(files, config) } : {}),
    },
  };
  console.log(json ? JSON.stringify(found, undefined, 2) : render(found).join("\n"));
  if (!job.healthy) process.exitCode = 1;
}

async function ask(config: HomelabConfig): Promise<{ job: JobStatus; nomad: string }> {
  const api = new NomadApi(nomadTarget(config));
  try {
    return { job: await gather(api, config.job.name), nomad: api.address };
  } catch (error) {
    if (!(error instanceof NomadUnreachable)) throw error;
    const todo = config.embedded ? "make lab-up starts it" : "start it, or set nomad.address";
    throw new UserError([`Nomad at ${api.address}: ${reason(error.cause)}; ${todo}`]);
  }
}

/** The clients' URL, and the hostname's page where that is another. */
function urlsOf(config: HomelabConfig): string[] {
  const url = clientUrl(config);
  const named = new URL(url);
  named.hostname = config.hostname;
  return [...new Set([url, named.href.replace(/\/$/, "")])];
}

function placeOf(volume: Volume, { clients }: HomelabConfig): string {
  if ("nfs" in volume.source) return dataOf(volume);
  return `${dataOf(volume)} on ${volume.source.client ?? clients[0]?.name}`;
}

/** The job names its image by digest: the registry tells which that of version.txt has. */
async function compare(config: HomelabConfig, version: string, { image }: JobStatus) {
  const running = image?.split("@")[1];
  if (!running) return { note: "" };
  const pushed = await pushedDigest(config, `v${version}`);
  if ("unknown" in pushed) return { note: `is it the running one? ${pushed.unknown}` };
  if (pushed.digest === running) return { isDeployed: true, note: "the running one" };
  const found = pushed.digest ? "another image runs" : "it was not pushed yet";
  return { isDeployed: false, note: `${found}; make deploy brings it` };
}
