/** The tandem: a server for artifacts alone beside the one for runs. */
import { z } from "zod";
import { hostname, wholeNumber } from "./fields.ts";
import { neededMemory } from "./memory.ts";
import type { Storage } from "./storage.ts";

const size = {
  count: wholeNumber("", 1, 32)
    .default(1)
    .describe("Servers for artifacts at a time, spread over the clients."),
  workers: wholeNumber("", 1, 16)
    .default(2)
    .describe("Worker processes of each server for artifacts."),
  resources: z
    .strictObject({
      cpu: wholeNumber("MHz, ", 50, 1_000_000)
        .default(200)
        .describe("CPU share of a server for artifacts, in MHz."),
      memory: wholeNumber("MiB, ", 64, 1_048_576)
        .default(512)
        .describe(
          "Memory limit of a server for artifacts, in MiB. What its workers need must fit.",
        ),
    })
    .prefault({})
    .describe("What a server for artifacts gets."),
};

/** How clients find the server for artifacts. */
export const artifactsServer = z
  .discriminatedUnion(
    "route",
    [
      z.strictObject({
        route: z
          .literal("path")
          .describe("Traefik sends it the paths of MLflow's artifacts API, at the url of all."),
        ...size,
      }),
      z.strictObject({
        route: z
          .literal("hostname")
          .describe(
            "It has a hostname of its own, which new experiments name; the url's paths lead to it as well.",
          ),
        hostname: hostname().describe(
          "Its name, at the url's scheme and port. Its DNS record is yours to make.",
        ),
        ...size,
      }),
    ],
    { error: '"path" or "hostname"' },
  )
  .optional()
  .describe(
    "A server for artifacts alone (--artifacts-only) beside the one for runs (--no-serve-artifacts), which large uploads then don't hold up. Default: one server for both.",
  );

interface Placed {
  readonly storage: Storage;
  readonly hostname: string;
  readonly url?: string;
  readonly traefik: { readonly enable: boolean };
  readonly job: { readonly port?: number };
  readonly server: { readonly auth: { readonly type: string }; readonly staticPrefix: string };
}

type Context = { addIssue(issue: z.core.$ZodRawIssue<z.core.$ZodIssueCustom>): void };

/** Clients can find both servers, and the one for artifacts has artifacts to serve. */
export function checkArtifactsServer(
  { storage, hostname, url, traefik, job, server: { auth, staticPrefix } }: Placed,
  context: Context,
): void {
  const { artifacts, artifactsServer: server } = storage;
  if (!server) return;
  const refuse = (path: string[], input: unknown, message: string) =>
    context.addIssue({ code: "custom", path, input, message });
  const at = ["storage", "artifactsServer"];
  if (artifacts.type === "s3" && artifacts.access === "direct")
    refuse(
      at,
      server.route,
      'none, as storage.artifacts.access is "direct": clients send no server their artifacts',
    );
  if (auth.type !== "none")
    refuse(
      at,
      server.route,
      `none, as server.auth is ${auth.type}: a server for artifacts alone knows neither users nor experiments, and would let everybody at all artifacts`,
    );
  if (staticPrefix)
    refuse(
      at,
      server.route,
      "none, as there is a server.staticPrefix: the two are told apart by paths that begin with /api and /ajax-api",
    );
  if (!traefik.enable)
    refuse(
      at,
      server.route,
      "none, as traefik.enable is false: nothing would tell the requests for the two servers apart",
    );
  if (server.route === "path" && job.port !== undefined)
    refuse(
      ["job", "port"],
      job.port,
      'none, as storage.artifactsServer.route is "path": who comes by that port, past Traefik, finds no artifacts',
    );
  const names = [hostname, url ? new URL(url).hostname : hostname];
  if (server.route === "hostname" && names.includes(server.hostname.toLowerCase()))
    refuse(
      [...at, "hostname"],
      server.hostname,
      'a name that neither hostname nor url has; or route "path"',
    );
  const drivers = artifacts.type === "s3" ? 1 : 0;
  const needed = neededMemory(server.workers, drivers);
  if (needed > server.resources.memory)
    refuse(
      [...at, "resources", "memory"],
      server.resources.memory,
      `at least ${needed} MiB for workers = ${server.workers}${drivers ? ", s3" : ""}; raise it or lower workers`,
    );
}

/** Where clients reach the server for artifacts, without a path: the url itself, or another name there. */
export function artifactsServerUrl({ artifactsServer: server }: Storage, url: string): string {
  if (server?.route !== "hostname") return url;
  const named = new URL(url);
  named.hostname = server.hostname;
  return named.origin;
}

/** What MLflow writes into new experiments as the place of their artifacts. */
export function artifactRoot(storage: Storage, url: string): string {
  if (storage.artifactsServer?.route !== "hostname") return "mlflow-artifacts:/";
  return `mlflow-artifacts://${new URL(artifactsServerUrl(storage, url)).host}/`;
}
