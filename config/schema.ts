/**
 * The schema of homelab.config.ts: every field a user can set, with its unit and default.
 * docs/configuration.md is generated from it, so a description here is what a user reads there.
 */
import { isIP, isIPv4 } from "node:net";
import { isAbsolute, posix } from "node:path";
import { z } from "zod";
import { neededMemory } from "./memory.ts";
import { pathOnClient } from "./volume.ts";

const HOSTNAME_LABEL = "[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?";
const HOSTNAME = new RegExp(`^(?=.{1,253}$)${HOSTNAME_LABEL}(\\.${HOSTNAME_LABEL})*$`);

const text = (allowed = "a non-empty text") => z.string().min(1, { error: allowed });
const oneLine = (allowed = "a non-empty text on one line") =>
  z.string().regex(/^\P{Cc}+$/u, { error: allowed });
const hostname = () =>
  z.string().refine(isHostname, {
    error: 'a hostname (RFC 1123: letters, digits, hyphens and dots, such as "mlflow.lan")',
  });
/** Terraform would read these in a text that is no resource's, and cdktf does not escape it. */
const plainLine = (allowed: string) => oneLine(allowed).regex(/^(?!.*[$%]\{)/, { error: allowed });
/** Nomad's rule for job and namespace names is wider; this is what is also a safe DNS and file name. */
const name = () =>
  z.string().regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, {
    error: "1 to 63 lower-case letters, digits or hyphens, not at the ends",
  });
const port = () => z.int({ error: "a port from 1 to 65535" }).min(1).max(65535);
const httpUrl = () =>
  z
    .string()
    .refine(isHttpUrl, {
      error: 'an http:// or https:// URL without a path, such as "http://nomad.lan:4646"',
    })
    .overwrite((url) => url.replace(/\/$/, ""));
const absolutePath = () =>
  z
    .string()
    .refine((path) => isAbsolute(path) && !/[\p{Cc}:]/u.test(path), {
      error: "an absolute path without colons or line breaks",
    })
    .refine((path) => bytes(path) <= 1000 && path.split("/").every((part) => bytes(part) <= 255), {
      error: "an absolute path of at most 1000 bytes, and 255 for each name in it",
    });
const SYSTEM =
  /^\/((bin|boot|dev|etc|lib\w*|proc|run|sbin|sys|usr)(\/.*)?|(home|media|mnt|opt|root|srv|tmp|var)|var\/lib)?$/;
/** Owner and mode of a volume's directory are set: a directory of the system's would break it. */
const volumePath = () =>
  absolutePath().refine((path) => !SYSTEM.test(posix.resolve(path)), {
    error: "a directory of its own, not one of the system's, such as /srv/mlflow",
  });
const id = (what: string) =>
  z
    .int({ error: `a numeric ${what} from 1 to 65533` })
    .min(1, { error: `a numeric ${what} from 1 to 65533: the server never runs as root` })
    .max(65533, { error: `a numeric ${what} from 1 to 65533` });

function bytes(value: string): number {
  return Buffer.byteLength(value);
}

function isPort(value: number): boolean {
  return value >= 1 && value <= 65535;
}

function isHostname(value: string): boolean {
  // A URL reads 1.2 and 0x7f.1 as other addresses, and 256.1.1.1 and a bad xn-- as none.
  const url = `http://${value}`;
  return HOSTNAME.test(value) && URL.canParse(url) && new URL(url).hostname === value.toLowerCase();
}

function isHttpUrl(value: string): boolean {
  // Not left to the parser: it forgives blanks, backslashes and more, and the text is used as it is.
  const [, host = "", port = "80"] =
    /^https?:\/\/([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::(\d{1,5}))?\/?$/.exec(value) ?? [];
  const known = host.startsWith("[") ? URL.canParse(value) : isHostname(host);
  return known && isPort(Number(port));
}

function isCidr(value: string): boolean {
  const [, address = "", bits] = /^([^/]*)(?:\/(\d{1,3}))?$/.exec(value) ?? [];
  const version = isIP(address);
  return version !== 0 && Number(bits ?? 0) <= (version === 4 ? 32 : 128);
}

/**
 * What Nomad 1.11 takes: Constraint.Validate and validateConstraintAttribute in nomad/structs. It takes
 * an attribute without ${} too, as a literal text, which is the same on each client.
 */
const OPERATORS = [
  ...["=", "==", "is", "!=", "not", ">", ">=", "<", "<="],
  ...["regexp", "version", "semver", "set_contains", "set_contains_all", "set_contains_any"],
  ...["is_set", "is_not_set", "distinct_hosts", "distinct_property"],
] as const;
const ATTRIBUTE =
  /^\$\{(node\.(unique\.id|unique\.name|datacenter|class|pool)|(attr|device|meta)\.[^{}]+)\}$/;
const VERSION = /^\s*(<=|>=|!=|~>|[<>=])?\s*v?\d+(\.\d+)*([-+~A-Za-z][\w.+~-]*)?\s*$/;

/** What a constraint's value has to be, or undefined when it is. */
function wrongValue(operator: (typeof OPERATORS)[number], value: string): string | undefined {
  switch (operator) {
    case "is_set":
    case "is_not_set":
      return value === "" ? undefined : `no value with the operator "${operator}"`;
    case "distinct_hosts":
      return ["", "true", "false"].includes(value) ? undefined : 'no value, "true" or "false"';
    case "distinct_property":
      return /^(0*[1-9]\d{0,17})?$/.test(value) ? undefined : 'no value, or a number such as "2"';
    case "version":
    case "semver": {
      const known = value.split(",").every((each) => VERSION.test(each));
      // Only the older of the two knows "~>".
      if (known && !(operator === "semver" && value.includes("~>"))) return undefined;
      return 'versions, such as ">= 1.2, < 2"';
    }
    default:
      return value === "" ? `a value to compare with, as "${operator}" needs one` : undefined;
  }
}

const constraint = z
  .strictObject({
    attribute: z
      .string()
      .refine((each) => each === "" || ATTRIBUTE.test(each), {
        error:
          "one of ${node.class}, .pool, .datacenter, .unique.name, .unique.id, ${attr.NAME}, ${meta.NAME}",
      })
      .default("")
      .describe("Attribute, such as ${node.class}; distinct_hosts needs none."),
    operator: z.enum(OPERATORS).default("=").describe("Operator of Nomad's constraint block."),
    value: z.string().default("").describe("Value to compare with, where the operator takes one."),
  })
  .superRefine(({ attribute, operator, value }, context) => {
    if (attribute === "" && operator !== "distinct_hosts")
      context.addIssue({
        code: "custom",
        path: ["attribute"],
        input: attribute,
        message: "an attribute, such as ${node.class}",
      });
    const message = wrongValue(operator, value);
    if (message) context.addIssue({ code: "custom", path: ["value"], input: value, message });
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

const client = z.strictObject({
  name: hostname()
    .refine((each) => !["all", "ungrouped"].includes(each), {
      error: 'a name other than Ansible\'s own "all" and "ungrouped"',
    })
    .describe("Name in the Ansible inventory, and in messages."),
  address: hostname().optional().describe("Address to connect to. Default: the name."),
  connection: z
    .enum(["ssh", "local"])
    .default("ssh")
    .describe('"local" when the deploy runs on the Nomad client itself.'),
  port: port().default(22).describe("SSH port."),
  user: z
    .string()
    .regex(/^[\p{L}\p{N}_][\p{L}\p{N}_.@\\+-]*$/u, { error: "a user name, such as ansible" })
    .optional()
    .describe("SSH user. Default: ssh's own."),
  privateKey: absolutePath().optional().describe("SSH private key file. Default: ssh's own."),
  knownHosts: absolutePath()
    .refine((path) => !/["'\\]/.test(path), { error: "a path without quotes and backslashes" })
    .optional()
    .describe("File with the host key, as known_hosts. Default: ssh's own."),
  become: z.boolean().default(true).describe("Use sudo on the client; the roles need root there."),
});

/** https://github.com/distribution/reference, a little narrower: host, name, tag, digest. */
const IMAGE =
  /^([\w.-]+(:\d{1,5})?\/)?[a-z0-9._-]+(\/[a-z0-9._-]+)*(:\w[\w.-]{0,127})?(@sha256:[0-9a-f]{64})?$/i;

/** What the deploy sets, and what its checks rest on: the volumes' sentinels, the memory model. */
const RESERVED = /^(HOMELAB_.*|MLFLOW_SERVER_(ALLOWED_HOSTS|CORS_ALLOWED_ORIGINS)|PATH|LD_.*)$/;

const envVars = z
  .record(
    z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, { error: "a name of letters, digits and _" }),
    z.string().regex(/^[^\0]*$/, { error: "a text without NUL" }),
  )
  .superRefine((env, context) => {
    for (const key of Object.keys(env).filter((each) => RESERVED.test(each)))
      context.addIssue({
        code: "custom",
        path: [key],
        input: env[key],
        message: "a variable that the deploy does not set by itself",
      });
  })
  .default({});

const cidr = z.string().refine(isCidr, {
  error: 'an IP address or a range of them, such as "192.168.1.0/24"',
});

const traefik = z
  .strictObject({
    enable: z
      .boolean()
      .default(true)
      .describe("Tag the service for Traefik with a router for the hostname."),
    entryPoints: z
      .array(z.string().regex(/^[\w-]+$/, { error: 'a name, such as "websecure"' }))
      .default([])
      .describe("Names of Traefik's entry points. Default: those Traefik has as its default."),
    tls: z
      .boolean()
      .default(false)
      .describe(
        "Route https, and make it the url's scheme. The entry point has to be a secure one.",
      ),
    certResolver: z
      .string()
      .regex(/^[\w-]+$/, { error: 'a name, such as "letsencrypt"' })
      .optional()
      .describe(
        "Certificate resolver of Traefik's for the hostname. Default: Traefik's certificates.",
      ),
    rule: oneLine("a rule on one line, such as Host(`mlflow.lan`)")
      .optional()
      .describe(
        "Router rule. Default: Host(`HOSTNAME`), and the url's host where that is another.",
      ),
    ipAllowList: z
      .array(cidr)
      .default([])
      .describe("Addresses and ranges that are let in; others get 403. Default: all."),
    basicAuth: z
      .strictObject({
        usersFile: absolutePath().describe(
          "File on Traefik's machine, as `htpasswd -B` makes it. The hashes are read there: tags are readable by all in Nomad.",
        ),
      })
      .optional()
      .describe(
        "A login in front of MLflow. Clients send MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, and the deploy needs both for its check.",
      ),
    middlewares: z
      .array(z.string().regex(/^[\w.-]+(@[\w-]+)?$/, { error: 'a name, such as "headers@file"' }))
      .default([])
      .describe(
        "More middlewares of Traefik's, by name, after ipAllowList and basicAuth. None may buffer: uploads are streamed.",
      ),
  })
  .prefault({})
  .describe(
    "The reverse proxy in front. Its entry point's transport.respondingTimeouts.readTimeout (60s by default) cuts longer uploads: set it to 0 there.",
  );

const dnsTarget = z
  .string()
  .refine((target) => isIPv4(target) || (isHostname(target) && !/^[\d.]+$/.test(target)), {
    error: 'a hostname (a CNAME record) or an IPv4 address (an A record), such as "traefik.lan"',
  })
  .describe(
    "What the hostname points to: a hostname makes a CNAME record, an IPv4 address an A record.",
  );
const dnsReplace = z
  .boolean()
  .default(false)
  .describe("Take the place of a record of that name with another target.");
const dnsPort = port().default(53).describe("Port at which the server answers questions.");
const dnsHost = client
  .omit({ connection: true, become: true })
  .extend({
    connection: z
      .enum(["ssh", "local"])
      .default("ssh")
      .describe('"local" when the deploy runs on the DNS server itself.'),
    become: z.boolean().default(true).describe("Use sudo on the DNS server."),
  })
  .describe("The machine the DNS server runs on, as in clients.");
const dnsConfigDir = absolutePath()
  .default("/etc/dnsmasq.d")
  .describe("Directory of drop-in files, where one of our own is put.");

/** The record for the hostname. Pi-hole 5 is a dnsmasq with its own way to restart. */
const dns = z
  .discriminatedUnion(
    "provider",
    [
      z.strictObject({ provider: z.literal("none").describe("You make the record by hand.") }),
      z.strictObject({
        provider: z
          .literal("dnsmasq")
          .describe("A drop-in file for dnsmasq, written by Ansible: target, host."),
        target: dnsTarget,
        replace: dnsReplace,
        host: dnsHost,
        port: dnsPort,
        configDir: dnsConfigDir,
        restart: z
          .union(
            [
              z.strictObject({
                service: z
                  .string()
                  .regex(/^[\w.@:\\][\w.@:\\-]*$/, { error: "a systemd service, such as dnsmasq" })
                  .describe("Name of the systemd service."),
              }),
              z.strictObject({
                command: z
                  .array(oneLine())
                  .min(1, { error: "a command and its arguments" })
                  .describe("Command and arguments; returns when the server was started again."),
              }),
            ],
            {
              error:
                'either { service: "dnsmasq" } or { command: ["/path/to/program", "argument"] }',
            },
          )
          .default({ service: "dnsmasq" })
          .describe("How dnsmasq is restarted: it reads drop-in files only when it starts."),
      }),
      z.discriminatedUnion(
        "version",
        [
          z.strictObject({
            provider: z
              .literal("pihole")
              .describe("Pi-hole: version, target, and url (6) or host (5)."),
            version: z
              .literal(6)
              .describe(
                "Pi-hole 6, by its API. PIHOLE_PASSWORD holds an app password, of a Pi-hole whose webserver.api.app_sudo is on.",
              ),
            target: dnsTarget,
            replace: dnsReplace,
            url: httpUrl().describe('Where its web interface is, such as "http://pi.hole".'),
            port: dnsPort,
          }),
          z.strictObject({
            provider: z
              .literal("pihole")
              .describe("Pi-hole: version, target, and url (6) or host (5)."),
            version: z.literal(5).describe("Pi-hole 5, by a drop-in file and `pihole restartdns`."),
            target: dnsTarget,
            replace: dnsReplace,
            host: dnsHost,
            port: dnsPort,
            configDir: dnsConfigDir,
          }),
        ],
        { error: "5 or 6" },
      ),
    ],
    { error: '"none", "dnsmasq" or "pihole"' },
  )
  .describe("The DNS record for the hostname, made before the check and removed on destroy.");

export const homelabSchema = z
  .strictObject({
    embedded: z
      .boolean()
      .default(false)
      .describe("Deploys to the embedded homelab of lab/, which `make deploy` starts first."),
    hostname: hostname().describe(
      "Name under which browsers and clients reach MLflow. It yields Traefik's rule, MLflow's allowed hosts and its CORS origins.",
    ),
    url: httpUrl()
      .optional()
      .describe(
        "URL of MLflow for clients. Default: http://HOSTNAME, or https with traefik.tls. Set it where there is a port.",
      ),
    nomad: z
      .strictObject({
        address: httpUrl()
          .optional()
          .describe("Nomad's HTTP API. Default: NOMAD_ADDR, else http://127.0.0.1:4646."),
        region: plainLine("a non-empty text on one line, without ${ and %{")
          .default("global")
          .describe("Region of the job."),
        datacenters: z
          .array(oneLine())
          .min(1, { error: "at least one datacenter" })
          .default(["dc1"])
          .describe("Datacenters the job may run in; globs as Nomad knows them."),
        namespace: z
          .string()
          .regex(/^[a-zA-Z0-9-]{1,128}$/, { error: "1 to 128 letters, digits or hyphens" })
          .optional()
          .describe('Namespace of the job. Default: NOMAD_NAMESPACE, else "default".'),
      })
      .prefault({})
      .describe("The Nomad cluster. Every NOMAD_ variable of the nomad command is respected."),
    docker: z
      .strictObject({
        host: z
          .string()
          .regex(/^((unix|npipe):\/\/\/|(tcp|ssh):\/\/)[\w.@:/~%[\]-]+$/, {
            error: "a docker host, such as unix:///var/run/docker.sock or ssh://user@host",
          })
          .optional()
          .describe(
            "Docker daemon that builds the image. Default: DOCKER_HOST, else docker's own.",
          ),
      })
      .prefault({})
      .describe("The Docker daemon that builds and pushes the image."),
    registry: z
      .strictObject({
        address: z
          .string()
          .refine((address) => isHostname(address.replace(/:\d{1,5}$/, "")), {
            error:
              'HOST or HOST:PORT of the registry, without a scheme, such as "registry.lan:5000"',
            abort: true,
          })
          .refine((address) => isPort(Number(address.split(":")[1] ?? 443)), {
            error: "a port from 1 to 65535",
          })
          .refine((address) => /[.:]|^localhost$/.test(address), {
            error: "a name with a dot or a port: Docker takes others for a folder of Docker Hub",
          })
          .describe("The Docker registry, HOST:PORT, as it stands in the image's name."),
        scheme: z
          .enum(["http", "https"])
          .default("https")
          .describe(
            'How the registry is spoken to. With "http", list it in insecure-registries of the Docker daemon of the builder and of every Nomad client.',
          ),
      })
      .describe("The registry the image is pushed to. A login is docker's own (`docker login`)."),
    image: z
      .strictObject({
        name: z
          .string()
          .regex(/^(?=.{1,128}$)[a-z0-9]+([._-][a-z0-9]+)*(\/[a-z0-9]+([._-][a-z0-9]+)*)*$/, {
            error: "a repository name of at most 128 lower-case letters, digits and . _ - /",
          })
          .default("mlflow")
          .describe("Repository name in the registry. The tag is v and what version.txt says."),
        baseImage: z
          .string()
          .regex(IMAGE, { error: "an image, such as python:3.11-slim-bookworm" })
          .default("python:3.11-slim-bookworm")
          .describe("Base image: a slim Debian with Python 3.11 to 3.13."),
        uid: id("uid").default(1000).describe("User id of the server, and owner of the volumes."),
        gid: id("gid").default(1000).describe("Group id of the server, and group of the volumes."),
        caBundle: absolutePath()
          .optional()
          .describe(
            "PEM file of certificate authorities for the build, where a proxy or mirror has a private CA. A BuildKit secret: it is not in the image.",
          ),
      })
      .prefault({})
      .describe("The server's image, built from image/."),
    server: z
      .strictObject({
        workers: z
          .int({ error: "a whole number from 1 to 16" })
          .min(1, { error: "a whole number from 1 to 16" })
          .max(16, { error: "a whole number from 1 to 16" })
          .default(2)
          .describe("Worker processes of the server."),
        allowedHosts: z
          .array(
            z
              .string()
              .regex(/^[^\s,]+$/, { error: "a Host header, without blanks and commas" })
              .regex(/[^*:]/, { error: "a Host header, and not any: MLflow would answer all" }),
          )
          .default([])
          .describe("More Host headers to accept, beside hostname and url. Ports are literal."),
        corsOrigins: z
          .array(httpUrl())
          .default([])
          .describe("More browser origins to accept, beside url."),
        env: envVars.describe("More environment variables of the server. Not for secrets."),
      })
      .prefault({})
      .describe("The MLflow tracking server."),
    resources: z
      .strictObject({
        cpu: z
          .int({ error: "MHz, a whole number from 50 to 1000000" })
          .min(50, { error: "MHz, a whole number from 50 to 1000000" })
          .max(1_000_000, { error: "MHz, a whole number from 50 to 1000000" })
          .default(200)
          .describe("CPU share of the task, in MHz."),
        memory: z
          .int({ error: "MiB, a whole number from 64 to 1048576" })
          .min(64, { error: "MiB, a whole number from 64 to 1048576" })
          .max(1_048_576, { error: "MiB, a whole number from 64 to 1048576" })
          .default(512)
          .describe("Memory limit of the task, in MiB. What server.workers need must fit."),
      })
      .prefault({})
      .describe("What the task gets."),
    volumes: z
      .strictObject({
        backendStore: volume("mlflow-backend-store", "The SQLite database: experiments and runs."),
        artifacts: volume("mlflow-artifacts", "The artifacts: models, plots, files."),
      })
      .superRefine(({ backendStore, artifacts }, context) => {
        if (backendStore.name === artifacts.name)
          context.addIssue({
            code: "custom",
            path: ["artifacts", "name"],
            input: artifacts.name,
            message: "a name other than that of volumes.backendStore",
          });
        checkSources(backendStore, artifacts, context);
      })
      .describe("The Nomad host volumes the data lives on."),
    clients: z
      .array(client)
      .min(1, { error: "at least one Nomad client" })
      .superRefine((clients, context) => {
        // DNS knows no upper case, and Ansible would set up one machine twice, side by side.
        const names = duplicates(clients.map((each) => each.name));
        const places = duplicates(clients.map(place)).filter((index) => !names.includes(index));
        for (const index of names)
          context.addIssue({
            code: "custom",
            path: [index, "name"],
            input: clients[index]?.name,
            message: "a name that no other client has, in upper or lower case",
          });
        for (const index of places)
          context.addIssue({
            code: "custom",
            path: [index],
            input: clients[index],
            message: "another machine than that of a client above",
          });
      })
      .describe("The Nomad clients that get the volumes."),
    nomadClient: z
      .strictObject({
        configDir: absolutePath()
          .default("/etc/nomad.d")
          .describe(
            "Directory of the agent's configuration (its -config flag) on the clients. A file of our own is put there; yours are not touched.",
          ),
        address: httpUrl()
          .default("http://127.0.0.1:4646")
          .describe("The agent's HTTP API as seen from the client itself."),
        restart: z
          .union(
            [
              z.strictObject({
                service: z
                  .string()
                  .regex(/^[\w.@:\\][\w.@:\\-]*$/, { error: "a systemd service, such as nomad" })
                  .describe("Name of the systemd service."),
              }),
              z.strictObject({
                command: z
                  .array(oneLine())
                  .min(1, { error: "a command and its arguments" })
                  .describe("Command and arguments; returns when the agent was started again."),
              }),
            ],
            {
              error: 'either { service: "nomad" } or { command: ["/path/to/program", "argument"] }',
            },
          )
          .default({ service: "nomad" })
          .describe("How the agent is restarted after a change: host volumes need one."),
      })
      .prefault({})
      .describe("The Nomad agent on the clients."),
    ansible: z
      .strictObject({
        run: z
          .boolean()
          .default(true)
          .describe("Run the playbook in the deploy; false only writes it and says how to run it."),
      })
      .prefault({})
      .describe("The playbook that prepares the clients."),
    job: z
      .strictObject({
        name: name().default("mlflow").describe("Name of the Nomad job."),
        priority: z
          .int({ error: "a whole number from 1 to 100" })
          .min(1, { error: "a whole number from 1 to 100" })
          .max(100, { error: "a whole number from 1 to 100" })
          .default(50)
          .describe("Priority of the job; higher goes first."),
        port: port()
          .optional()
          .describe("Fixed port on the Nomad client. Default: Nomad picks one; Traefik finds it."),
        constraints: z
          .array(constraint)
          .default([])
          .describe("Constraints on the clients the job may run on."),
        killTimeout: z
          .int({ error: "seconds, a whole number from 1 to 600" })
          .min(1, { error: "seconds, a whole number from 1 to 600" })
          .max(600, { error: "seconds, a whole number from 1 to 600" })
          .default(30)
          .describe("Seconds the server has to end its requests before it is killed."),
        healthyDeadline: z
          .int({ error: "seconds, a whole number from 30 to 3600" })
          .min(30, { error: "seconds, a whole number from 30 to 3600" })
          .max(3600, { error: "seconds, a whole number from 30 to 3600" })
          .default(180)
          .describe(
            "Seconds a new server has to become healthy, the pull of its image included, before the old one is put back.",
          ),
        adopt: z
          .boolean()
          .default(false)
          .describe("Take over a job of this name that an earlier deploy from here did not make."),
      })
      .prefault({})
      .describe("The Nomad job."),
    service: z
      .strictObject({
        name: name().default("mlflow").describe("Name of the service."),
        provider: z
          .enum(["nomad", "consul"])
          .default("nomad")
          .describe("Where the service is registered."),
        tags: z.array(text()).default([]).describe("More tags of the service."),
      })
      .prefault({})
      .describe("The service that Traefik finds."),
    traefik,
    dns: dns.default({ provider: "none" }),
    check: z
      .strictObject({
        through: z
          .enum(["url", "allocation"])
          .default("url")
          .describe(
            'What the check at the end of a deploy asks: the url as a browser would, or ("allocation") the address Nomad gave the server, when the name does not resolve yet.',
          ),
      })
      .prefault({})
      .describe("The check at the end of a deploy."),
    state: z
      .strictObject({
        path: plainLine("the path of a file, without ${ and %{")
          .refine((path) => /[^/.]$/.test(path), { error: "the path of a file, without ${ and %{" })
          .default("terraform.mlflow.tfstate")
          .describe(
            "Terraform's state file, from the repository's root. Keep it: it is what a deploy knows.",
          ),
      })
      .prefault({})
      .describe("What Terraform remembers."),
  })
  .superRefine(
    ({ server, resources }, context) => {
      const needed = neededMemory(server.workers);
      if (needed > resources.memory)
        context.addIssue({
          code: "custom",
          path: ["resources", "memory"],
          input: resources.memory,
          message: `at least ${needed} MiB for server.workers = ${server.workers}; raise resources.memory or lower server.workers`,
        });
    },
    toldWith("server", "resources"),
  )
  .superRefine(checkPlaces, toldWith("volumes", "clients"))
  .superRefine(
    ({ hostname, url, traefik, dns }, context) => {
      const refuse = (path: string[], input: unknown, message: string) =>
        context.addIssue({ code: "custom", path, input, message });
      if (traefik.enable && traefik.tls && url?.startsWith("http:"))
        refuse(["url"], url, "an https:// URL, as traefik.tls is true");
      if (traefik.certResolver && !traefik.tls)
        refuse(["traefik", "tls"], traefik.tls, "true, as there is a traefik.certResolver");
      if (dns.provider === "none") return;
      if (isIP(hostname)) refuse(["hostname"], hostname, "a name, as dns makes a record for it");
      if (dns.target.toLowerCase() === hostname.toLowerCase())
        refuse(["dns", "target"], dns.target, "a name other than hostname");
    },
    toldWith("traefik", "hostname", "url", "dns"),
  );

/** A check of these keys is made, and told together with what is wrong elsewhere, when they are fine. */
function toldWith(first: string, ...more: string[]) {
  const keys = [first, ...more];
  return {
    when: ({ value, issues }: z.core.ParsePayload) =>
      Object.hasOwn(Object(value), first) &&
      !issues.some(({ path = [] }) => keys.includes(String(path[0]))),
  };
}

export type Volume = z.output<ReturnType<typeof volume>>;

type Context = { addIssue(issue: z.core.$ZodRawIssue<z.core.$ZodIssueCustom>): void };

/** No volume's data is the other's, or within it, on the clients or on the NAS. */
function checkSources(backendStore: Volume, artifacts: Volume, context: Context): void {
  const [here, there] = [backendStore, artifacts].map(pathOnClient);
  if (areNested(here, there))
    context.addIssue({
      code: "custom",
      path: [
        "artifacts",
        "source",
        ...("nfs" in artifacts.source ? ["nfs", "mountPoint"] : ["directory"]),
      ],
      input: there,
      message: `a directory neither equal to, above nor below that of volumes.backendStore (${here})`,
    });
  if (!("nfs" in backendStore.source && "nfs" in artifacts.source)) return;
  const [one, other] = [backendStore.source.nfs, artifacts.source.nfs];
  if (one.server === other.server && areNested(one.export, other.export))
    context.addIssue({
      code: "custom",
      path: ["artifacts", "source", "nfs", "export"],
      input: other.export,
      message: `an export neither equal to, above nor below that of volumes.backendStore (${one.export})`,
    });
}

interface Placed {
  readonly volumes: { readonly backendStore: Volume; readonly artifacts: Volume };
  readonly clients: readonly { readonly name: string }[];
}

/** A directory is one client's: the job must not find another one elsewhere. */
function checkPlaces({ volumes, clients }: Placed, context: Context): void {
  const names = clients.map(({ name }) => name);
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
    else if (places.some((each) => each !== place))
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

/** Where a text stands again, upper or lower case being the same. */
function duplicates(texts: string[]): number[] {
  const known = texts.map((each) => each.toLowerCase());
  return [...known.keys()].filter((index) => known.indexOf(known[index] ?? "") !== index);
}

/** The machine a client is, as far as its settings tell. */
function place({ connection, name, address, port }: z.output<typeof client>): string {
  return connection === "local" ? "this machine" : `${address ?? name}:${port}`;
}

/** What a user writes. */
export type HomelabInput = z.input<typeof homelabSchema>;

/** A checked config with every default filled in. */
export type HomelabConfig = z.output<typeof homelabSchema>;
