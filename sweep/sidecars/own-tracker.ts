/** The MLflow that is a sweep's tracker where no file of sidecars says of another: `--tracker sidecar`. */
import { UserError } from "../../config/errors.ts";
import type { HomelabConfig } from "../../config/schema.ts";
import { pushedDigest } from "../../status/pushed-digest.ts";
import { FILESTORES } from "../files-input.ts";
import type { Sidecar } from "./sidecar.ts";

/** Name of the sidecar that is the tracker. */
const TRACKER = "mlflow";

/** What is below it survives a retry, and ends with the sweep. */
const ALLOCATION_DATA = "/alloc/data";

/** In place of the image's name, until it is known. */
export const OWN_IMAGE = "";

const PORT = 5000;

/** The file store of a sweep's own MLflow. */
export function trackerStore(sweep: string): string {
  return `${sweep}-${TRACKER}`;
}

/**
 * Sidecars of which one is an MLflow, by its name: ours where there is none.
 *
 * @param store file store that ours keeps its data in; without it, they end with the sweep
 */
export function withTracker(sidecars: readonly Sidecar[], store?: string): readonly Sidecar[] {
  const isThere = sidecars.some(({ name }) => name === TRACKER);
  return isThere ? sidecars : [...sidecars, ownTracker(store)];
}

/** Port of the sidecar that is an MLflow; undefined where none is, or it has no port. */
export function trackerPort(sidecars: readonly Sidecar[]): number | undefined {
  return sidecars.find(({ name }) => name === TRACKER)?.ports[0];
}

/** The deployment's own server, on SQLite and files of its own. */
function ownTracker(store: string | undefined): Sidecar {
  const data = store === undefined ? ALLOCATION_DATA : `${FILESTORES}/${store}`;
  return {
    name: TRACKER,
    image: OWN_IMAGE,
    // It is on none of the deployment's volumes, and neither asks nor watches for them.
    entrypoint: ["/opt/mlflow/bin/python", "/opt/server/serve.py"],
    command: [
      ...["--host", "0.0.0.0", "--port", String(PORT), "--workers", "2"],
      ...["--backend-store-uri", `sqlite:///${data}/mlflow.db`, "--artifacts-destination", data],
    ],
    ports: [PORT],
    env: { HOMELAB_VOLUMES: "" },
    filestores: store === undefined ? [] : [store],
    cpu: 200,
    memory: 512,
  };
}

/** The server's image, by the tag that a deploy gives it. */
export function serverImage({ registry, image }: HomelabConfig, version: string): string {
  return `${registry.address}/${image.name}:v${version}`;
}

/**
 * The same by its digest.
 *
 * @throws UserError where the registry does not have it
 */
export async function pushedServerImage(config: HomelabConfig, version: string): Promise<string> {
  const tagged = serverImage(config, version);
  const pushed = await pushedDigest(config, `v${version}`);
  if ("unknown" in pushed)
    throw new UserError([`${pushed.unknown}; start it, or leave --tracker sidecar away`]);
  if (!pushed.digest)
    throw new UserError([
      `--tracker sidecar: the registry has no ${tagged}; a deploy makes it, or npx homelab build and push`,
    ]);
  return `${config.registry.address}/${config.image.name}@${pushed.digest}`;
}
