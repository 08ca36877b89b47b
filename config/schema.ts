/**
 * The schema of homelab.config.ts: every field a user can set, with its unit and default.
 * docs/configuration.md is generated from it, so a description here is what a user reads there.
 */
import { isIP } from "node:net";
import { z } from "zod";
import { checkArtifactsServer } from "./artifacts-server.ts";
import { clients } from "./client.ts";
import { dns } from "./dns.ts";
import { extrasOf } from "./extras.ts";
import {
  absolutePath,
  hostname,
  httpUrl,
  isHostname,
  isPort,
  name,
  oneLine,
  plainLine,
  restart,
  text,
  wholeNumber,
} from "./fields.ts";
import { image } from "./image.ts";
import { job } from "./job.ts";
import { neededMemory } from "./memory.ts";
import { server } from "./server.ts";
import { checkServerTls } from "./server-tls.ts";
import { checkStorage, driversOfServer, storage } from "./storage.ts";
import { sweep } from "./sweep.ts";
import { traefik } from "./traefik.ts";
import { checkPlaces, volumes } from "./volume.ts";

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
    image,
    server,
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
    job,
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
  .superRefine(checkServerTls, toldWith("server", "traefik", "url", "job"))
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
