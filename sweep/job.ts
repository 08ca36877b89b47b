/** The Nomad job of a sweep, as HCL. */
import { createHash } from "node:crypto";
import { UserError } from "../config/errors.ts";
import type { HomelabConfig } from "../config/schema.ts";
import type { NomadTarget } from "../nomad/api.ts";
import { render } from "../templates/render.ts";
import type { SweepInput } from "./input.ts";
import type { TaskFile } from "./runner.ts";

/** Group and task of the job, as they stand in the template. */
export const GROUP = "sweep";
export const TASK = "task";

/**
 * Key in a job's meta that says that it is a sweep, and when it was registered, in RFC 3339: Nomad's own
 * time is another one after a stop.
 */
export const SWEEP_META = "homelab_mlflow_sweep";
/** Key in a job's meta of the command, as it is shown. */
export const COMMAND_META = "homelab_mlflow_sweep_command";
/** Key in a job's meta: "true" where the first failure ends the sweep. */
export const FAIL_FAST_META = "homelab_mlflow_sweep_fail_fast";

/**
 * Bytes of the script and the values together. They are part of the job, which Nomad's servers keep
 * in memory and hand to each client.
 */
const MOST_BYTES = 256 * 1024;

/** Items of the sweep's Nomad variable, and the files they become. */
export const SECRETS_ITEM = "secrets";
export const ONLY_ITEM = "only";

/**
 * Path of the sweep's Nomad variable, which its tasks alone may read:
 * https://developer.hashicorp.com/nomad/docs/concepts/workload-identity#default-workload-acl-policy
 */
export function variableOf(sweep: string): string {
  return `nomad/jobs/${sweep}/${GROUP}/${TASK}`;
}

/**
 * The jobspec.
 *
 * @param image of the tasks; undefined for raw_exec
 * @throws UserError when the files are larger than a job may be
 */
export function sweepJob(
  input: SweepInput,
  files: readonly TaskFile[],
  config: HomelabConfig,
  target: NomadTarget,
  image: string | undefined,
): string {
  expectToFit(files);
  const { name, tasks, command, failFast } = input;
  return render("sweep.nomad.hcl", {
    name,
    region: target.region,
    datacenters: config.nomad.datacenters,
    nodePool: config.nomad.nodePool,
    namespace: target.namespace,
    priority: config.sweep.priority,
    meta: {
      [SWEEP_META]: new Date().toISOString(),
      [COMMAND_META]: command.join(" ").slice(0, 200),
      [FAIL_FAST_META]: String(failFast),
    },
    constraints: input.constraints,
    count: tasks.length,
    maxWorkers: input.maxWorkers === undefined ? "" : String(input.maxWorkers),
    sameEverywhere: input.maxWorkers === undefined ? "" : sameEverywhere(config.nomad),
    retries: input.retries,
    driver: input.driver,
    image: image ?? "",
    files: files.map(({ path, text }) => ({ destination: `local/${path}`, text })),
    delimiters: delimiters(files),
    items: [
      { destination: "local/sweep/only", data: itemTemplate(name, ONLY_ITEM) },
      { destination: "secrets/sweep.sh", data: itemTemplate(name, SECRETS_ITEM) },
    ],
    cpu: input.cpu,
    memory: input.memory,
    gpus: input.gpus,
  });
}

function expectToFit(files: readonly TaskFile[]): void {
  const bytes = files.reduce((sum, { text }) => sum + Buffer.byteLength(text), 0);
  if (bytes <= MOST_BYTES) return;
  const largest = files.toSorted((a, b) => b.text.length - a.text.length)[0]?.path;
  throw new UserError(
    [
      `the sweep's files: found ${bytes} bytes, most of them in ${largest}; expected at most ${MOST_BYTES}: put what is larger into an image (--container) or where the clients reach it`,
    ],
    2,
  );
}

/** An attribute that all clients of the job have the same value of. */
function sameEverywhere({ nodePool, datacenters }: HomelabConfig["nomad"]): string {
  // A job runs in one pool, unless it runs in all.
  if (nodePool !== "all") return "${node.pool}";
  if (datacenters.length === 1 && !/[*?[]/.test(datacenters[0] ?? "")) return "${node.datacenter}";
  throw new UserError(
    [
      '--max-workers: found nomad.nodePool "all" with several nomad.datacenters; expected one node pool or one datacenter, of which Nomad counts the tasks',
    ],
    2,
  );
}

function itemTemplate(name: string, item: string): string {
  return `{{ with nomadVar "${variableOf(name)}" }}{{ index . "${item}" }}{{ end }}`;
}

/** Whatever a script holds, it is no template. */
function delimiters(files: readonly TaskFile[]): { left: string; right: string } {
  const mark = createHash("sha256").update(JSON.stringify(files)).digest("hex").slice(0, 32);
  return { left: `<<${mark}<`, right: `>${mark}>>` };
}
