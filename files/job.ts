/** The Nomad job that serves the volume's files to one command, as HCL. */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { UserError } from "../config/errors.ts";
import { ROOT } from "../config/load.ts";
import type { HomelabConfig } from "../config/schema.ts";
import type { Volume } from "../config/volume.ts";
import type { NomadTarget } from "../nomad/api.ts";
import { render } from "../templates/render.ts";

/** Group, task and port of the job, as they stand in the template. */
export const GROUP = "files";
export const TASK = "server";
export const PORT = "files";

/** What the names of such jobs begin with. */
export const JOB_PREFIX = "homelab-files-";

/** The item of the job's Nomad variable. */
export const TOKEN_ITEM = "token";

/** Seconds without a request, after which it ends by itself: whoever started it was killed. */
const IDLE_S = 300;

/** Path of the Nomad variable that the job alone may read. */
export function variableOf(job: string): string {
  return `nomad/jobs/${job}/${GROUP}/${TASK}`;
}

/**
 * The volume that stores and what sweeps keep are on.
 *
 * @param asks who needs it, for the message
 * @throws UserError with exit code 2 where there is none
 */
export function filesVolume({ volumes: { files } }: HomelabConfig, asks: string): Volume {
  if (files) return files;
  throw new UserError(
    [
      `${asks}: found no volume for files in the config; expected one, such as volumes: { ..., files: { source: { directory: "/srv/homelab-files" } } } (or nfs), then make deploy`,
    ],
    2,
  );
}

/** The server: Python's own library is all it needs. */
function serverFiles(): { name: string; text: string }[] {
  const folder = join(ROOT, "files", "server");
  const names = readdirSync(folder).filter((name) => name.endsWith(".py"));
  return names.map((name) => ({ name, text: readFileSync(join(folder, name), "utf8") }));
}

/**
 * The jobspec.
 *
 * @param name of the job
 * @param image with Python 3.11 or newer
 */
export function filesJob(
  name: string,
  config: HomelabConfig,
  target: NomadTarget,
  image: string,
): string {
  const server = serverFiles();
  const mark = createHash("sha256").update(JSON.stringify(server)).digest("hex").slice(0, 32);
  const { uid, gid } = config.image;
  return render("files.nomad.hcl", {
    name,
    region: target.region,
    datacenters: config.nomad.datacenters,
    nodePool: config.nomad.nodePool,
    namespace: target.namespace,
    priority: config.job.priority,
    volume: filesVolume(config, "files").name,
    user: `${uid}:${gid}`,
    uid,
    gid,
    image,
    idle: IDLE_S,
    server,
    delimiters: { left: `<<${mark}<`, right: `>${mark}>>` },
    token: `{{ with nomadVar "${variableOf(name)}" }}{{ .${TOKEN_ITEM} }}{{ end }}`,
  });
}
