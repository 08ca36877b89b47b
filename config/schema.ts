/**
 * The schema of homelab.config.ts: every field a user can set, with its unit and default.
 * docs/configuration.md is generated from it, so a description here is what a user reads there.
 */
import { isAbsolute, posix } from "node:path";
import { z } from "zod";
import { neededMemory } from "./memory.ts";

const HOSTNAME_LABEL = "[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?";
const HOSTNAME = new RegExp(`^(?=.{1,253}$)${HOSTNAME_LABEL}(\\.${HOSTNAME_LABEL})*$`);

const text = (allowed = "a non-empty text") => z.string().min(1, { error: allowed });
const oneLine = (allowed = "a non-empty text on one line") =>
  z.string().regex(/^\P{Cc}+$/u, { error: allowed });
const hostname = () =>
  z.string().regex(HOSTNAME, {
    error: 'a hostname (RFC 1123: letters, digits, hyphens and dots, such as "mlflow.lan")',
  });
/** Nomad's rule for job and namespace names is wider; this is what is also a safe DNS and file name. */
const name = () =>
  z.string().regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, {
    error: "1 to 63 lower-case letters, digits or hyphens, not at the ends",
  });
const port = () => z.int({ error: "a port from 1 to 65535" }).min(1).max(65535);
const httpUrl = () =>
  z.string().refine(isHttpUrl, {
    error: 'an http:// or https:// URL without a path, such as "http://nomad.lan:4646"',
  });
const absolutePath = () =>
  z.string().refine((path) => isAbsolute(path) && !/[\p{Cc}:]/u.test(path), {
    error: "an absolute path without colons or line breaks",
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

function isPort(value: number): boolean {
  return value >= 1 && value <= 65535;
}

function isHttpUrl(value: string): boolean {
  // The parser forgives blanks, backslashes and more, and the text is used as it stands.
  if (!/^https?:\/\/[A-Za-z0-9.\-[\]:]+\/?$/.test(value) || !URL.canParse(value)) return false;
  const url = new URL(value);
  const plain = url.pathname === "/" && !url.search && !url.hash && !url.username && !url.password;
  return /^https?:$/.test(url.protocol) && url.hostname !== "" && plain;
}

/** Where a volume's data lies. One kind today; NFS joins this union. */
const volumeSource = z.union([
  z.strictObject({
    directory: volumePath().describe("Directory on the Nomad client, made when it is missing."),
  }),
]);

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
  user: oneLine().optional().describe("SSH user. Default: ssh's own."),
  privateKey: absolutePath().optional().describe("SSH private key file. Default: ssh's own."),
  become: z.boolean().default(true).describe("Use sudo on the client; the roles need root there."),
});

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

export const homelabSchema = z
  .strictObject({
    embedded: z
      .boolean()
      .default(false)
      .describe("Deploys to the embedded homelab of lab/, which `make deploy` starts first."),
    hostname: hostname().describe(
      "Name under which browsers and clients reach MLflow. It yields Traefik's rule, MLflow's allowed hosts and its CORS origins.",
    ),
    url: httpUrl().optional().describe("URL of MLflow for clients. Default: http://HOSTNAME."),
    nomad: z
      .strictObject({
        address: httpUrl()
          .optional()
          .describe("Nomad's HTTP API. Default: NOMAD_ADDR, else http://127.0.0.1:4646."),
        region: oneLine().default("global").describe("Region of the job."),
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
          .regex(/^(unix|tcp|ssh|npipe):\/\/\S+$/, {
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
          .regex(new RegExp(`^${HOSTNAME.source.slice(1, -1)}(:[0-9]{1,5})?$`), {
            error:
              'HOST or HOST:PORT of the registry, without a scheme, such as "registry.lan:5000"',
            abort: true,
          })
          .refine((address) => isPort(Number(address.split(":")[1] ?? 443)), {
            error: "a port from 1 to 65535",
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
          .regex(/^[a-z0-9]+([._-][a-z0-9]+)*(\/[a-z0-9]+([._-][a-z0-9]+)*)*$/, {
            error: "a repository name of lower-case letters, digits and . _ - /",
          })
          .default("mlflow")
          .describe("Repository name in the registry. The tag is v and what version.txt says."),
        baseImage: z
          .string()
          .regex(/^[a-z0-9][\w.:/@-]*$/, { error: "an image, such as python:3.11-slim-bookworm" })
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
            z.string().regex(/^[^\s,]+$/, { error: "a Host header, without blanks and commas" }),
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
          .int({ error: "MHz, a whole number from 50" })
          .min(50, { error: "MHz, a whole number from 50" })
          .default(200)
          .describe("CPU share of the task, in MHz."),
        memory: z
          .int({ error: "MiB, a whole number from 64" })
          .min(64, { error: "MiB, a whole number from 64" })
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
      .describe("The Nomad host volumes the data lives on."),
    clients: z
      .array(client)
      .min(1, { error: "at least one Nomad client" })
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
          .union([
            z.strictObject({ service: oneLine().describe("Name of the systemd service.") }),
            z.strictObject({
              command: z
                .array(oneLine())
                .min(1, { error: "a command and its arguments" })
                .describe("Command and arguments; returns when the agent was started again."),
            }),
          ])
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
          .array(
            z.strictObject({
              attribute: text().describe("Attribute, such as ${node.class}."),
              operator: text().default("=").describe("Operator of Nomad's constraint block."),
              value: z.string().default("").describe("Value to compare with."),
            }),
          )
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
    traefik: z
      .strictObject({
        enable: z
          .boolean()
          .default(true)
          .describe("Tag the service for Traefik with a router for the hostname."),
      })
      .prefault({})
      .describe("The reverse proxy in front."),
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
        path: oneLine()
          .refine((path) => /[^/.]$/.test(path), { error: "the path of a file" })
          .default("terraform.mlflow.tfstate")
          .describe(
            "Terraform's state file, from the repository's root. Keep it: it is what a deploy knows.",
          ),
      })
      .prefault({})
      .describe("What Terraform remembers."),
  })
  .superRefine((config, context) => {
    const { backendStore, artifacts } = config.volumes;
    if (backendStore.name === artifacts.name)
      context.addIssue({
        code: "custom",
        path: ["volumes", "artifacts", "name"],
        input: artifacts.name,
        message: "a name other than that of volumes.backendStore",
      });
    const [first, second] = [backendStore, artifacts].map((v) => posix.resolve(v.source.directory));
    if (isWithin(first, second) || isWithin(second, first))
      context.addIssue({
        code: "custom",
        path: ["volumes", "artifacts", "source", "directory"],
        input: artifacts.source.directory,
        message: `a directory neither equal to, above nor below that of volumes.backendStore (${backendStore.source.directory})`,
      });
    for (const [key, seen] of duplicates(config.clients.map((c) => c.name)))
      context.addIssue({
        code: "custom",
        path: ["clients", key, "name"],
        input: seen,
        message: "a name that no other client has",
      });
    const needed = neededMemory(config.server.workers);
    if (needed > config.resources.memory)
      context.addIssue({
        code: "custom",
        path: ["resources", "memory"],
        input: config.resources.memory,
        message: `at least ${needed} MiB for server.workers = ${config.server.workers}; raise resources.memory or lower server.workers`,
      });
  });

function isWithin(inner = "", outer = ""): boolean {
  return inner === outer || inner.startsWith(outer.endsWith("/") ? outer : `${outer}/`);
}

function duplicates(names: string[]): [number, string][] {
  return [...names.entries()].filter(([index, each]) => names.indexOf(each) !== index);
}

/** What a user writes. */
export type HomelabInput = z.input<typeof homelabSchema>;

/** A checked config with every default filled in. */
export type HomelabConfig = z.output<typeof homelabSchema>;
