/** The group of a sweep's job that its sidecars run in, as the template has it. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { storeMounts } from "./file-stores.ts";
import { OWN_IMAGE, trackerStore } from "./own-tracker.ts";
import { READY_TASK, type Sidecar, WATCH_TASK } from "./sidecar.ts";

/** The group, as it stands in the template. */
export const TRACKER_GROUP = "tracker";

/** Item of the sweep's tasks: where they reach the sidecars, PORT HOST:PORT on each line. */
export const ADDRESSES_FILE = "sweep/sidecars";

const SCRIPT = fileURLToPath(new URL("tracker.py", import.meta.url));
/** Characters of a service's name in Nomad, and of a file store's. */
const LONGEST = 63;
const PORT_SUFFIX = "-65535".length;

/** Characters that the name of a sweep with sidecars may have: services and its tracker's store have more. */
export const LONGEST_NAME = LONGEST - Math.max(PORT_SUFFIX, trackerStore("").length);

export interface TrackerGroup {
  /** Name of the sweep. */
  readonly sweep: string;
  readonly sidecars: readonly Sidecar[];
  /** How many tasks it waits for. */
  readonly tasks: number;
  /** Seconds that the sidecars may take until they answer. */
  readonly timeout: number;
  /** Image of the deployment's server, for a sidecar that is one. */
  readonly mlflow: string | undefined;
  /** Image with a Python that looks after the sidecars. */
  readonly image: string;
  /** Host volume that file stores are on, and its owner as UID:GID. @default none */
  readonly volume?: { readonly name: string; readonly owner: string };
}

/** All ports of the sidecars. */
export function portsOf(sidecars: readonly Sidecar[]): number[] {
  return sidecars.flatMap(({ ports }) => ports);
}

/** Name of the Nomad service that says where a port of the sidecars is. */
export function serviceName(sweep: string, port: number): string {
  return `${sweep}-${port}`;
}

/** What the template of the group reads. */
export function trackerGroup(group: TrackerGroup) {
  const { sweep, sidecars, tasks, timeout, image, mlflow, volume } = group;
  const script = readFileSync(SCRIPT, "utf8");
  const mark = createHash("sha256").update(script).digest("hex").slice(0, 32);
  const targets = sidecars.flatMap(({ name, ports }) => ports.map((port) => `${name}:${port}`));
  const mounts = sidecars.flatMap((each) => storeMounts(each, volume?.name));
  return {
    ports: portsOf(sidecars).map((port) => ({ label: portLabel(port), port })),
    volumes: [...new Set(mounts.map((mount) => mount.volume))],
    sidecars: sidecars.map((sidecar) => ({
      name: sidecar.name,
      image: sidecar.image === OWN_IMAGE ? (mlflow ?? "") : sidecar.image,
      entrypoint: sidecar.entrypoint ?? "",
      command: sidecar.command[0] ?? "",
      args: sidecar.command.slice(1),
      labels: sidecar.ports.map(portLabel),
      // Only the owner may write to stores; of another user HOME may be.
      user: sidecar.filestores.length > 0 ? (volume?.owner ?? "") : "",
      env: {
        ...mlflowEnv(sidecar),
        ...(sidecar.filestores.length > 0 ? { HOME: "${NOMAD_TASK_DIR}" } : {}),
        ...sidecar.env,
      },
      mounts: storeMounts(sidecar, volume?.name),
      cpu: sidecar.cpu,
      memory: sidecar.memory,
    })),
    image,
    script,
    delimiters: { left: `<<${mark}<`, right: `>${mark}>>` },
    ready: { name: READY_TASK, args: ["ready", String(timeout), ...targets] },
    watch: { name: WATCH_TASK, args: ["watch", String(tasks)] },
    services: portsOf(sidecars).map((port) => ({
      name: serviceName(sweep, port),
      label: portLabel(port),
    })),
  };
}

/** A template of Nomad's for the tasks: the lines of ADDRESSES_FILE, empty until the sidecars answer. */
export function addressesTemplate(sweep: string, sidecars: readonly Sidecar[]): string {
  return portsOf(sidecars)
    .map((port) => {
      const host = `{{ if .Address | regexMatch ":" }}[{{ .Address }}]{{ else }}{{ .Address }}{{ end }}`;
      // Another job may have a service of that name.
      return `{{ range nomadService "${serviceName(sweep, port)}" }}{{ if eq .JobID "${sweep}" }}${port} ${host}:{{ .Port }}\n{{ end }}{{ end }}`;
    })
    .join("");
}

/**
 * What an MLflow wants that is run as it was written for earlier ones: its server answers its own UI only
 * where it knows the address that a browser has for it, and uses a folder only where that is allowed.
 */
function mlflowEnv({ ports }: Sidecar): Record<string, string> {
  if (ports.length === 0) return {};
  const addresses = ports.map((port) => `\${NOMAD_HOST_ADDR_${portLabel(port)}}`);
  const local = ["localhost", "localhost:*", "127.0.0.1", "127.0.0.1:*"];
  return {
    MLFLOW_SERVER_ALLOWED_HOSTS: [...local, ...addresses].join(","),
    MLFLOW_SERVER_CORS_ALLOWED_ORIGINS: addresses.map((each) => `http://${each}`).join(","),
    MLFLOW_ALLOW_FILE_STORE: "true",
  };
}

function portLabel(port: number): string {
  return `port_${port}`;
}
