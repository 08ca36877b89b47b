import type { HomelabConfig } from "../config/schema.ts";

/**
 * What a server for artifacts alone answers, of MLflow's own routes (mlflow/server/handlers.py and
 * artifact_router.py); all else is for the server of the runs.
 */
export const ARTIFACT_PATHS = ["/api/2.0/mlflow-artifacts/", "/ajax-api/2.0/mlflow-artifacts/"];

/**
 * The tags by which Traefik makes a router for the service.
 * https://doc.traefik.io/traefik/reference/routing-configuration/other-providers/nomad/
 *
 * @param url where clients reach MLflow
 */
export function traefikTags(config: HomelabConfig, url: string): string[] {
  return tagsOf(config, config.service.name, config.job.count, rule(config, url));
}

/**
 * The tags of the server for artifacts alone: a router of the same kind for its paths, and for its
 * hostname where it has one. Its rule is the longer one, which Traefik asks first.
 *
 * @param url where clients reach MLflow
 */
export function artifactsServerTags(config: HomelabConfig, url: string): string[] {
  const { artifactsServer: server } = config.storage;
  const paths = ARTIFACT_PATHS.map((path) => `PathPrefix(\`${path}\`)`).join(" || ");
  const byPath = `(${rule(config, url)}) && (${paths})`;
  const all =
    server?.route === "hostname" ? `${hostRule([server.hostname])} || (${byPath})` : byPath;
  return tagsOf(config, artifactsServiceName(config), server?.count ?? 1, all);
}

/** Name of the service of the server for artifacts alone. */
export function artifactsServiceName({ service }: HomelabConfig): string {
  return `${service.name}-artifacts`;
}

function rule({ traefik, hostname, server }: HomelabConfig, url: string): string {
  const { staticPrefix: prefix } = server;
  const hosts = hostRule([hostname, new URL(url).hostname]);
  const below = `(Path(\`${prefix}\`) || PathPrefix(\`${prefix}/\`))`;
  return traefik.rule ?? (prefix ? `(${hosts}) && ${below}` : hosts);
}

function tagsOf(
  { traefik, server }: HomelabConfig,
  name: string,
  count: number,
  rule: string,
): string[] {
  if (!traefik.enable) return [];
  const { entryPoints, tls, certResolver, ipAllowList, basicAuth } = traefik;
  const router = `traefik.http.routers.${name}`;
  const health = `traefik.http.services.${name}.loadbalancer.healthcheck`;
  const allow = `${name}-allow`;
  const auth = `${name}-auth`;
  const middleware = (name: string) => `traefik.http.middlewares.${name}`;
  const middlewares = [
    ...(ipAllowList.length > 0 ? [allow] : []),
    ...(basicAuth ? [auth] : []),
    ...traefik.middlewares,
  ];
  return [
    "traefik.enable=true",
    `${router}.rule=${rule}`,
    ...(entryPoints.length > 0 ? [`${router}.entrypoints=${entryPoints.join(",")}`] : []),
    ...(tls
      ? [certResolver ? `${router}.tls.certresolver=${certResolver}` : `${router}.tls=true`]
      : []),
    ...(middlewares.length > 0 ? [`${router}.middlewares=${middlewares.join(",")}`] : []),
    ...(ipAllowList.length > 0
      ? [`${middleware(allow)}.ipallowlist.sourcerange=${ipAllowList.join(",")}`]
      : []),
    // Of several, one that has just started, or hangs, gets no requests meanwhile.
    ...(count > 1
      ? [
          `${health}.path=${server.staticPrefix}/health`,
          `${health}.interval=2s`,
          `${health}.timeout=5s`,
        ]
      : []),
    ...(basicAuth
      ? [
          `${middleware(auth)}.basicauth.usersfile=${basicAuth.usersFile}`,
          // It is meant for Traefik: MLflow need not see the password.
          `${middleware(auth)}.basicauth.removeheader=true`,
        ]
      : []),
  ];
}

/**
 * The tags of a new server beside the old. Not traefik.enable=false: Traefik reads that from the tags of
 * all servers of the service together, and forgets the old ones as well. A Traefik that exposes what
 * has no traefik.enable gets a router and a service of another name.
 *
 * @param service its name
 */
export function canaryTags(service: string): string[] {
  const canary = `${service}-canary`;
  return [
    `traefik.http.routers.${canary}.rule=Host(\`${canary}.invalid\`)`,
    `traefik.http.services.${canary}.loadbalancer.passhostheader=true`,
  ];
}

/** The provider of Traefik's that reads the tags; none where there are none. */
export function traefikProvider({
  traefik,
  service,
}: HomelabConfig): "nomad" | "consulCatalog" | undefined {
  if (!traefik.enable) return undefined;
  return service.provider === "consul" ? "consulCatalog" : "nomad";
}

/** None of the names can hold a backtick: the schema and the URL's parser see to it. */
function hostRule(names: readonly string[]): string {
  return [...new Set(names)].map((name) => `Host(\`${name}\`)`).join(" || ");
}
