import type { HomelabConfig } from "../config/schema.ts";

/**
 * The tags by which Traefik makes a router for the service.
 * https://doc.traefik.io/traefik/reference/routing-configuration/other-providers/nomad/
 *
 * @param url where clients reach MLflow
 */
export function traefikTags(
  { traefik, service, hostname, job }: HomelabConfig,
  url: string,
): string[] {
  if (!traefik.enable) return [];
  const { entryPoints, tls, certResolver, ipAllowList, basicAuth } = traefik;
  const router = `traefik.http.routers.${service.name}`;
  const health = `traefik.http.services.${service.name}.loadbalancer.healthcheck`;
  const allow = `${service.name}-allow`;
  const auth = `${service.name}-auth`;
  const middleware = (name: string) => `traefik.http.middlewares.${name}`;
  const middlewares = [
    ...(ipAllowList.length > 0 ? [allow] : []),
    ...(basicAuth ? [auth] : []),
    ...traefik.middlewares,
  ];
  return [
    "traefik.enable=true",
    `${router}.rule=${traefik.rule ?? hostRule([hostname, new URL(url).hostname])}`,
    ...(entryPoints.length > 0 ? [`${router}.entrypoints=${entryPoints.join(",")}`] : []),
    ...(tls
      ? [certResolver ? `${router}.tls.certresolver=${certResolver}` : `${router}.tls=true`]
      : []),
    ...(middlewares.length > 0 ? [`${router}.middlewares=${middlewares.join(",")}`] : []),
    ...(ipAllowList.length > 0
      ? [`${middleware(allow)}.ipallowlist.sourcerange=${ipAllowList.join(",")}`]
      : []),
    // Of several, one that has just started, or hangs, gets no requests meanwhile.
    ...(job.count > 1
      ? [`${health}.path=/health`, `${health}.interval=2s`, `${health}.timeout=5s`]
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
 */
export function canaryTags({ service }: HomelabConfig): string[] {
  const canary = `${service.name}-canary`;
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
