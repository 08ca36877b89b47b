/** The Nomad job of a sweep, as HCL. */
import { UserError } from "../config/errors.ts";
import type { HomelabConfig } from "../config/schema.ts";
import type { NomadTarget } from "../nomad/api.ts";
import { render } from "../templates/render.ts";
import { scriptVariables, startLine } from "./delivery.ts";
import { FILESTORES } from "./files-input.ts";
import {
  COMMAND_META,
  FAIL_FAST_META,
  FILESTORES_META,
  KEPT_META,
  ONLY_ITEM,
  ROUNDS_META,
  SECRETS_ITEM,
  SWEEP_META,
  TRACKER_META,
  TRACKER_STORES_META,
  variableOf,
} from "./in-nomad.ts";
import { LATE_FILE, lateText, type SweepWork, taskScript, valuesText } from "./runner.ts";
import { ADDRESSES_FILE, addressesTemplate, portsOf, trackerGroup } from "./sidecars/group.ts";
import { SERVICE, trackerStores } from "./tracker.ts";

/**
 * Bytes of the script that runs the tasks, with the user's and the values in it. It is part of the job,
 * which Nomad's servers keep in memory and hand to each client, and of each task's environment.
 */
const MOST_BYTES = 256 * 1024;

/** Images of a sweep. */
export interface SweepImages {
  /** Of the tasks; undefined for raw_exec. */
  readonly tasks: string | undefined;
  /** With the Python that looks after the sidecars; undefined where there are none. */
  readonly tracker?: string;
  /** Of the deployment's server, where that is a sidecar. */
  readonly mlflow?: string;
}

/**
 * The jobspec.
 *
 * @param tracker as trackerOf has it
 * @throws UserError when the script and the values are larger than a job may be
 */
export function sweepJob(
  work: SweepWork,
  config: HomelabConfig,
  target: NomadTarget,
  images: SweepImages,
  tracker: string = SERVICE,
): string {
  const { input, volume } = work;
  const { name, tasks, command, failFast, sidecars } = input;
  const script = scriptVariables(scriptThatFits(work));
  const stores = trackerStores(tracker, sidecars);
  const owner = `${config.image.uid}:${config.image.gid}`;
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
      [KEPT_META]: String(volume?.keeps ?? false),
      [TRACKER_META]: tracker,
      ...metaOfStores(input),
      ...(stores ? { [TRACKER_STORES_META]: stores.join(",") } : {}),
      ...(sidecars.length === 0 ? { [ROUNDS_META]: "" } : {}),
    },
    constraints: input.constraints,
    count: tasks.length,
    maxWorkers: input.maxWorkers === undefined ? "" : String(input.maxWorkers),
    sameEverywhere: input.maxWorkers === undefined ? "" : sameEverywhere(config.nomad),
    retries: input.retries,
    driver: input.driver,
    image: images.tasks ?? "",
    script,
    start: startLine(script),
    late: work.isLate ? { destination: `secrets/${LATE_FILE}`, data: lateTemplate(name) } : "",
    addresses:
      portsOf(sidecars).length > 0
        ? { destination: `local/${ADDRESSES_FILE}`, data: addressesTemplate(name, sidecars) }
        : "",
    cpu: input.cpu,
    memory: input.memory,
    gpus: input.gpus,
    volume: volume && {
      name: volume.name,
      destination: FILESTORES,
      owner,
    },
    tracker:
      sidecars.length > 0 && images.tracker
        ? trackerGroup({
            sweep: name,
            sidecars,
            tasks: tasks.length,
            timeout: input.sidecarTimeout,
            image: images.tracker,
            mlflow: images.mlflow,
            volume: config.volumes.files && { name: config.volumes.files.name, owner },
          })
        : "",
  });
}

function metaOfStores({ files, sidecars }: SweepWork["input"]): Record<string, string> {
  const all = [...files.filestores, ...sidecars.flatMap(({ filestores }) => filestores)];
  return all.length > 0 ? { [FILESTORES_META]: [...new Set(all)].join(",") } : {};
}

/** The script of all tasks. @throws UserError when that is larger than a task may have it */
export function scriptThatFits(work: SweepWork): string {
  const text = taskScript(work);
  const bytes = Buffer.byteLength(text);
  if (bytes <= MOST_BYTES) return text;
  const { script } = work.input;
  const ofScript = script && script.text.length > valuesText(work.input).length;
  const largest = ofScript ? script.name : "the values";
  throw new UserError(
    [
      `what each task gets: found ${bytes} bytes, most of them in ${largest}; expected at most ${MOST_BYTES}: put what is larger into an image (--container) or where the clients reach it`,
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

/** The LATE_FILE of the tasks, from the sweep's variable. */
function lateTemplate(name: string): string {
  const item = (key: string) => `{{ .${key}.Value | trimSpace }}`;
  const text = lateText(item(ONLY_ITEM), item(SECRETS_ITEM));
  return `{{ with nomadVar "${variableOf(name)}" }}${text}{{ end }}`;
}
