import type { HomelabConfig } from "../config/schema.ts";
import type { Volume } from "../config/volume.ts";

/** A volume of the config, and where the server finds it. */
export interface Mount {
  readonly volume: Volume;
  /** Absolute path in the container. */
  readonly destination: string;
}

/** The volumes that a config's server runs on. */
export function mounts({ volumes: { backendStore, artifacts } }: HomelabConfig): Mount[] {
  return [
    ...(backendStore ? [{ volume: backendStore, destination: "/mnt/backend_store" }] : []),
    ...(artifacts ? [{ volume: artifacts, destination: "/mnt/artifacts" }] : []),
  ];
}
