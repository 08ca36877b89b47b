/**
 * The schema of homelab.config.ts: every field a user can set, with its unit and default.
 * docs/configuration.md is generated from it, so a description here is what a user reads there.
 */
import { isIP } from "node:net";
import { z } from "zod";
import { checkArtifactsServer } from "./artifacts-server.ts";
import { auth } from "./auth.ts";
import { clients } from "./client.ts";
import { constraint } from "./constraint.ts";
import { dns } from "./dns.ts";
import { extrasOf } from "./extras.ts";
import {
  absolutePath,
  hostname,
  httpUrl,
  id,
  image,
  isHostname,
  isPort,
  name,
  oneLine,
  plainLine,
  port,
  restart,
  text,
  wholeNumber,
} from "./fields.ts";
import { neededMemory } from "./memory.ts";
import { secret } from "./secret.ts";
import { extraArgs } from "./server-options.ts";
import { checkStorage, driversOfServer, storage } from "./storage.ts";
import { sweep } from "./sweep.ts";
import { traefik } from "./traefik.ts";
import { checkPlaces, volumes } from "./volume.ts";

/** What the deploy sets, and what its checks rest on: the volumes' sentinels, the memory model. */
const RESERVED =
  /^(HOMELAB_.*|MLFLOW_SERVER_(ALLOWED_HOSTS|CORS_ALLOWED_ORIGINS)|MLFLOW_(BACKEND|REGISTRY)_STORE_URI|MLFLOW_(ARTIFACTS_DESTINATION|DEFAULT_ARTIFACT_ROOT|ARTIFACTS_ONLY)|MLFLOW_AUTH_.*|MLFLOW_FLASK_SERVER_SECRET_KEY|MLFLOW_STATIC_PREFIX|MLFLOW_EXPOSE_PROMETHEUS|PROMETHEUS_MULTIPROC_DIR|prometheus_multiproc_dir|PATH|LD_.*)$/;

/** By the names of environment variables. */
const byVariable = <T extends z.ZodType>(value: T) =>
  z
    .record(
      z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, { error: "a name of letters, digits and _" }),
      value,
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
        nodePool: z
          .string()
          .regex(/^[\w-]{1,128}$/, { error: "1 to 128 letters, digits, - or _" })
          .default("default")
          .describe('Node pool of the clients the job may run on; "all" is every one.'),
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
        baseImage: image("python:3.11-slim-bookworm")
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
        workers: wholeNumber("", 1, 16).default(2).describe("Worker processes of the server."),
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
        auth,
        staticPrefix: z
          .string()
          .regex(/^((\/[\w.~-]+)+)?$/, {
            error:
              "a path without a slash at its end, such as /mlflow, of letters, digits and . _ ~ -",
          })
          .default("")
          .describe(
            "Path below which MLflow answers, where its name has other pages too. Clients' URL, Traefik's rule and the checks follow.",
          ),
        prometheus: z
          .boolean()
          .default(false)
          .describe(
            "Expose metrics of the requests at /metrics, for Prometheus to scrape by the Nomad client's address and port.",
          ),
        extraArgs,
        env: byVariable(z.string().regex(/^[^\0]*$/, { error: "a text without NUL" })).describe(
          "More environment variables of the server. Not for secrets.",
        ),
        secrets: byVariable(secret()).describe(
          'Environment variables of the server that are secrets, each with where it is found when you deploy: { env: "NAME" } or { file: "/path" }. They are kept as a Nomad variable.',
        ),
      })
      .prefault({})
      .describe("The MLflow tracking server."),
    resources: z
      .strictObject({
        cpu: wholeNumber("MHz, ", 50, 1_000_000)
          .default(200)
          .describe("CPU share of the task, in MHz."),
        memory: wholeNumber("MiB, ", 64, 1_048_576)
          .default(512)
          .describe("Memory limit of the task, in MiB. What server.workers need must fit."),
      })
      .prefault({})
      .describe("What the task gets."),
    storage,
    volumes,
    clients,
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
        restart: restart("nomad", "agent").describe(
          "How the agent is restarted after a change: host volumes need one.",
        ),
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
        priority: wholeNumber("", 1, 100)
          .default(50)
          .describe("Priority of the job; higher goes first."),
        count: wholeNumber("", 1, 32)
          .default(1)
          .describe(
            "Servers at a time, spread over the clients. More than 1 only with stores that they can share.",
          ),
        port: port()
          .optional()
          .describe("Fixed port on the Nomad client. Default: Nomad picks one; Traefik finds it."),
        constraints: z
          .array(constraint)
          .default([])
          .describe("Constraints on the clients the job may run on."),
        killTimeout: wholeNumber("seconds, ", 1, 600)
          .default(30)
          .describe("Seconds the server has to end its requests before it is killed."),
        healthyDeadline: wholeNumber("seconds, ", 30, 3600)
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
    sweep,
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
    ({ server, resources, storage }, context) => {
      const drivers = driversOfServer(storage);
      const parts = [...drivers, ...extrasOf(server)];
      const needed = neededMemory(server.workers, drivers.length, server.auth.type === "basic");
      const what = [`server.workers = ${server.workers}`, parts.join(" and ")];
      if (needed > resources.memory)
        context.addIssue({
          code: "custom",
          path: ["resources", "memory"],
          input: resources.memory,
          message: `at least ${needed} MiB for ${what.filter(Boolean).join(", ")}; raise resources.memory or lower server.workers`,
        });
    },
    toldWith("server", "resources", "storage"),
  )
  .superRefine(({ server: { env, secrets } }, context) => {
    for (const key of Object.keys(secrets).filter((each) => Object.hasOwn(env, each)))
      context.addIssue({
        code: "custom",
        path: ["server", "env", key],
        input: env[key],
        message: "a variable that is not in server.secrets as well",
      });
  }, toldWith("server"))
  .superRefine(
    ({ server, traefik }, context) => {
      if (server.auth.type === "basic" && traefik.enable && traefik.basicAuth)
        context.addIssue({
          code: "custom",
          path: ["traefik", "basicAuth"],
          input: traefik.basicAuth,
          message:
            "none, as server.auth is basic: both read the one Authorization header that a client sends",
        });
    },
    toldWith("server", "traefik"),
  )
  .superRefine(checkStorage, toldWith("storage", "volumes", "clients", "server", "job"))
  .superRefine(checkPlaces, toldWith("volumes", "clients", "storage"))
  .superRefine(
    checkArtifactsServer,
    toldWith("storage", "hostname", "url", "traefik", "job", "server"),
  )
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

/** What a user writes. */
export type HomelabInput = z.input<typeof homelabSchema>;

/** A checked config with every default filled in. */
export type HomelabConfig = z.output<typeof homelabSchema>;
