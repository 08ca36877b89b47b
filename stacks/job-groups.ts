import type { HomelabConfig } from "../config/schema.ts";
import { isShared } from "../config/storage.ts";
import { dataOf } from "../config/volume.ts";
import type { JobGroup } from "../constructs/mlflow-job.ts";
import { ARTIFACTS_GROUP, SERVER_GROUP } from "../nomad/groups.ts";
import { mountsOf, type ServerTask } from "./mounts.ts";
import { serverEnvironment } from "./server-environment.ts";
import { taskFilesOf } from "./task-files.ts";
import {
  artifactsServerTags,
  artifactsServiceName,
  canaryTags,
  traefikTags,
} from "./traefik-tags.ts";

/** Seconds; Nomad's servers give a client up after 10 to 30 s without a heartbeat. */
const STOP_ON_CLIENT_AFTER = 30;

/** The Nomad variable of each task that has secrets. */
type Secrets = Readonly<Record<ServerTask, JobGroup["secrets"]>>;

/**
 * The groups of the job: the server, and the one for artifacts alone where there is one.
 *
 * @param url where clients reach MLflow
 */
export function jobGroups(config: HomelabConfig, url: string, secrets: Secrets): JobGroup[] {
  const server = serverGroup(config, url, secrets.server);
  const artifacts = artifactsGroup(config, url, secrets.artifacts);
  return artifacts ? [server, artifacts] : [server];
}

function serverGroup(config: HomelabConfig, url: string, secrets: JobGroup["secrets"]): JobGroup {
  const { job, service, storage } = config;
  return {
    ...SERVER_GROUP,
    count: job.count,
    staticPort: job.port,
    args: config.server.extraArgs,
    healthPath: `${config.server.staticPrefix}/health`,
    speaksTls: config.server.tls !== undefined,
    volumes: volumesOf(config, "server"),
    files: taskFilesOf(config, "server"),
    besideTheOld: isShared(storage) && job.port === undefined,
    service: {
      name: service.name,
      provider: service.provider,
      tags: [...traefikTags(config, url), ...service.tags],
      canaryTags: canaryTags(service.name),
    },
    env: serverEnvironment(config, url),
    secrets,
    ...config.resources,
    stopOnClientAfter: mayMove(config) ? STOP_ON_CLIENT_AFTER : undefined,
  };
}

function artifactsGroup(
  config: HomelabConfig,
  url: string,
  secrets: JobGroup["secrets"],
): JobGroup | undefined {
  const { service, storage } = config;
  if (!storage.artifactsServer) return undefined;
  const serviceName = artifactsServiceName(config);
  return {
    ...ARTIFACTS_GROUP,
    count: storage.artifactsServer.count,
    args: [],
    healthPath: "/health",
    speaksTls: false,
    volumes: volumesOf(config, "artifacts"),
    files: taskFilesOf(config, "artifacts"),
    // Each artifact is a file of its own: two servers on one store don't get in each other's way.
    besideTheOld: true,
    service: {
      name: serviceName,
      provider: service.provider,
      tags: artifactsServerTags(config, url),
      canaryTags: canaryTags(serviceName),
    },
    env: serverEnvironment(config, url, "artifacts"),
    secrets,
    ...storage.artifactsServer.resources,
  };
}

function volumesOf(config: HomelabConfig, task: ServerTask): JobGroup["volumes"] {
  return mountsOf(config, task).map(({ volume, destination }) => ({
    name: volume.name,
    destination,
    data: dataOf(volume),
  }));
}

/** Whether more than one client has a database that only one server may write to. */
function mayMove(config: HomelabConfig): boolean {
  if (isShared(config.storage) || config.clients.length < 2) return false;
  return mountsOf(config, "server").every(({ volume }) => "nfs" in volume.source);
}
