import type { CheckSpec } from "../check/spec.ts";
import { artifactRoot, artifactsServerUrl } from "../config/artifacts-server.ts";
import { clientUrl } from "../config/client-url.ts";
import type { HomelabConfig } from "../config/schema.ts";
import { artifactsAccess } from "../config/storage.ts";
import { nomadTarget } from "../nomad/target.ts";
import { traefikProvider } from "./traefik-tags.ts";

/** Seconds beside the healthy deadline, at which Nomad gives up by itself; what it can't place waits for ever. */
const BESIDE = 60;

/**
 * What the end of a deploy asks for.
 *
 * @param dns the record that a DNS server was told to have
 * @param mlflowVersion of the image
 */
export function checkSpec(
  config: HomelabConfig,
  dns: CheckSpec["dns"],
  mlflowVersion: string,
): CheckSpec {
  const url = clientUrl(config);
  return {
    nomad: nomadTarget(config),
    job: config.job.name,
    hostname: config.hostname,
    url,
    through: config.check.through,
    artifacts: artifactsAccess(config.storage),
    ...(config.storage.artifactsServer
      ? {
          artifactsServer: {
            url: artifactsServerUrl(config.storage, url),
            root: artifactRoot(config.storage, url),
          },
        }
      : {}),
    login: login(config),
    traefik: traefikProvider(config),
    dns,
    mlflowVersion,
    deadline: config.job.healthyDeadline + BESIDE,
  };
}

/** Whom the check logs in as, where MLflow asks for it; its password is read there. */
function login({ server: { auth } }: HomelabConfig): CheckSpec["login"] {
  if (auth.type === "none") return undefined;
  const { username, password: source } = auth.admin;
  return { username, password: { key: "server.auth.admin.password", source } };
}
