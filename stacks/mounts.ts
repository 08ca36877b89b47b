import type { HomelabConfig } from "../config/schema.ts";
import type { Volume } from "../config/volume.ts";

/** A volume of the config, and where the server finds it. */
export interface Mount {
  readonly volume: Volume;
  /** Absolute path in the container. */
  readonly destination: string;
}

/** The tasks that run an MLflow server, by what they serve; "server" has all but what another has. */
export type ServerTask = "server" | "artifacts";

/** The volumes that servers of MLflow run on. */
export function mounts({ storage, volumes: { backendStore, artifacts } }: HomelabConfig): Mount[] {
  const isServers = storage.backendStore.type === "sqlite";
  return [
    ...(backendStore && isServers
      ? [{ volume: backendStore, destination: "/mnt/backend_store" }]
      : []),
    ...(artifacts ? [{ volume: artifacts, destination: "/mnt/artifacts" }] : []),
  ];
}

/** The volumes of one task: what it does not need it does not see. */
export function mountsOf(config: HomelabConfig, task: ServerTask): Mount[] {
  const ofTask = ({ volume }: Mount): ServerTask =>
    config.storage.artifactsServer && volume === config.volumes.artifacts ? "artifacts" : "server";
  return mounts(config).filter((each) => ofTask(each) === task);
}

/** All volumes of a config, whoever runs on them. */
export function allVolumes({ volumes }: HomelabConfig): Volume[] {
  const { backendStore, artifacts, files } = volumes;
  return [backendStore, artifacts, files].filter((each) => each !== undefined);
}
