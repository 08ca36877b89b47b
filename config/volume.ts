import { posix } from "node:path";
import { z } from "zod";
import { absolutePath, hostname, name } from "./fields.ts";

const SYSTEM =
  /^\/((bin|boot|dev|etc|lib\w*|proc|run|sbin|sys|usr)(\/.*)?|(home|media|mnt|opt|root|srv|tmp|var)|var\/lib)?$/;
/** Owner and mode of a volume's directory are set: a directory of the system's would break it. */
const volumePath = () =>
  absolutePath().refine((path) => !SYSTEM.test(posix.resolve(path)), {
    error: "a directory of its own, not one of the system's, such as /srv/mlflow",
  });

/** Options that lose data or hold up the boot, and why. */
const REFUSED_MOUNT_OPTIONS: readonly [option: RegExp, why: string][] = [
  [
    /^(soft|softerr|softreval)$/,
    "gives up writes that the NAS is late for, and loses them; use hard",
  ],
  [/^(nolock|local_lock=(?!none$).*)$/, "hides a server's locks from that on another client"],
  [
    /^((nfs)?vers=[23](\..*)?|v[23])$/,
    "has locks that a restart of the NAS loses; use 4.0 or later",
  ],
  [/^ro$/, "makes the volume read-only"],
  [/^noauto$/, "leaves the volume unmounted after a boot; use bg"],
  [/^fg$/, "holds up the boot while the NAS is down; use bg"],
  [/^x-systemd\.automount$/, "hides whether the NAS is there; use bg"],
];

const mountOptions = z
  .string()
  .regex(/^[\w.=:/+-]+(,[\w.=:/+-]+)*$/, {
    error: "mount options with commas between them",
    abort: true,
  })
  .superRefine((options, context) => {
    const refuse = (message: string) =>
      context.addIssue({ code: "custom", input: options, message });
    const all = options.split(",");
    for (const option of all)
      for (const [refused, why] of REFUSED_MOUNT_OPTIONS)
        if (refused.test(option)) refuse(`options without ${option}, which ${why}`);
    if (!all.some((each) => each === "bg" || each === "nofail"))
      refuse("bg among the options: without it a NAS that is down holds up the boot");
  });

/** As it stands in /etc/fstab, where a blank ends a field. */
const fstabPath = () =>
  z.string().refine((path) => /^\/[\w.@+/-]*$/.test(path), {
    error: "an absolute path of letters, digits and . _ @ + - /",
  });

const directorySource = z.strictObject({
  directory: volumePath().describe("Directory on the Nomad client, made when it is missing."),
  client: hostname()
    .optional()
    .describe(
      "Name of the one client that has it, and so runs the job. Needed where there are several.",
    ),
});

const nfsSource = z.strictObject({
  nfs: z
    .strictObject({
      server: hostname().describe("Hostname or IPv4 address of the NAS."),
      export: fstabPath().describe("Path of the export on the NAS."),
      options: mountOptions
        .default("nfsvers=4.2,hard,bg,_netdev")
        .describe("Mount options, see nfs(5). Those that lose data are refused."),
      mountPoint: fstabPath()
        .pipe(volumePath())
        .optional()
        .describe("Where the clients mount it. Default: /srv/ and the volume's name."),
    })
    .describe("An export of a NAS, which each of the clients mounts."),
});

/** Where a volume's data lies. */
const volumeSource = z.union([directorySource, nfsSource], {
  error:
    'either { directory: "/srv/mlflow" } or { nfs: { server: "nas.lan", export: "/volume1/mlflow" } }',
});

const volume = (fallbackName: string, what: string) =>
  z
    .strictObject({
      name: name()
        .default(fallbackName)
        .describe("Name of the Nomad host volume; also the word in its sentinel file."),
      source: volumeSource.describe("Where the data lies."),
      mode: z
        .string()
        .regex(/^07[0-7]{2}$/, {
          error: 'an octal mode with all rights for the owner, such as "0750"',
        })
        .default("0750")
        .describe("Mode of the volume's directory, octal. The owner is image.uid and image.gid."),
    })
    .describe(what);
/** The volumes of the server, and the one that sweeps keep their files on. */
export const volumes = z
  .strictObject({
    backendStore: volume(
      "mlflow-backend-store",
      "What the backend store writes: experiments and runs, in SQLite's file or by the database that the deploy runs. Required with these, and only then.",
    ).optional(),
    artifacts: volume(
      "mlflow-artifacts",
      "The artifacts: models, plots, files. Required with storage.artifacts on it, and only then.",
    ).optional(),
    files: volume(
      "mlflow-files",
      "The file stores of `npx homelab files`, and what sweeps get and leave; not the server's. Without it there are none.",
    ).optional(),
  })
  .superRefine((volumes, context) => {
    const all = Object.entries(volumes).flatMap(([key, volume]) =>
      volume ? [{ key, ...volume }] : [],
    );
    for (const [index, later] of all.entries())
      for (const earlier of all.slice(0, index)) checkPair(earlier, later, context);
  })
  .prefault({})
  .describe("The Nomad host volumes the data lives on.");

/** A volume of a checked config. */
export type Volume = z.output<ReturnType<typeof volume>>;

type Context = { addIssue(issue: z.core.$ZodRawIssue<z.core.$ZodIssueCustom>): void };

interface KeyedVolume extends Volume {
  /** In the config's volumes. */
  readonly key: string;
}

/** No volume has the other's name, and its data is not the other's, or within it, on the clients or on the NAS. */
function checkPair(earlier: KeyedVolume, later: KeyedVolume, context: Context): void {
  const refuse = (path: string[], input: unknown, message: string) =>
    context.addIssue({ code: "custom", path: [later.key, ...path], input, message });
  const of = `that of volumes.${earlier.key}`;
  if (earlier.name === later.name) refuse(["name"], later.name, `a name other than ${of}`);
  const [here, there] = [earlier, later].map(pathOnClient);
  if (areNested(here, there))
    refuse(
      ["source", ...("nfs" in later.source ? ["nfs", "mountPoint"] : ["directory"])],
      there,
      `a directory neither equal to, above nor below ${of} (${here})`,
    );
  if (!("nfs" in earlier.source && "nfs" in later.source)) return;
  const [one, other] = [earlier.source.nfs, later.source.nfs];
  if (one.server === other.server && areNested(one.export, other.export))
    refuse(
      ["source", "nfs", "export"],
      other.export,
      `an export neither equal to, above nor below ${of} (${one.export})`,
    );
}

interface Placed {
  readonly volumes: z.output<typeof volumes>;
  readonly clients: readonly { readonly name: string }[];
  readonly storage: {
    readonly backendStore: { readonly type: string };
    readonly artifactsServer?: unknown;
  };
}

/** A directory is one client's: the job must not find another one elsewhere. */
export function checkPlaces({ volumes, clients, storage }: Placed, context: Context): void {
  const names = clients.map(({ name }) => name);
  // A database has a job of its own, and the server for artifacts a group: each may run elsewhere.
  const apart = storage.artifactsServer || storage.backendStore.type !== "sqlite";
  const wrong = (key: string, input: unknown, message: string) =>
    context.addIssue({
      code: "custom",
      path: ["volumes", key, "source", "client"],
      input,
      message,
    });
  const places: string[] = [];
  for (const [key, { source }] of Object.entries(volumes)) {
    if ("nfs" in source) continue;
    const place = source.client ?? (names.length === 1 ? names[0] : undefined);
    const all = names.join(", ");
    if (place === undefined)
      wrong(key, place, `the client that has it (${all}), as each would have its own; or nfs`);
    else if (!names.includes(place)) wrong(key, place, `one of clients: ${all}`);
    else if (key === "files")
      continue; // The server does not need it.
    else if (!apart && places.some((each) => each !== place))
      wrong(key, place, `${places[0]}, as for volumes.backendStore: the server needs both volumes`);
    if (place !== undefined) places.push(place);
  }
}

function areNested(one = "", other = ""): boolean {
  const [a, b] = [posix.resolve(one), posix.resolve(other)];
  return isWithin(a, b) || isWithin(b, a);
}

function isWithin(inner = "", outer = ""): boolean {
  return inner === outer || inner.startsWith(outer.endsWith("/") ? outer : `${outer}/`);
}

/** Where the clients find a volume's data, as an absolute path. */
export function pathOnClient({ name, source }: Volume): string {
  return "nfs" in source ? (source.nfs.mountPoint ?? `/srv/${name}`) : source.directory;
}

/** Where a volume's data lies, for people: a directory, or SERVER:EXPORT. */
export function dataOf({ source }: Volume): string {
  return "nfs" in source ? `${source.nfs.server}:${source.nfs.export}` : source.directory;
}
