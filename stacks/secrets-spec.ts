import type { HomelabConfig } from "../config/schema.ts";
import { nomadTarget } from "../nomad/target.ts";
import type { NamedSource, SecretsSpec } from "../secrets/spec.ts";

/** The secrets that a config's server needs, by the environment variables they become. */
export function secretsSpec(config: HomelabConfig): SecretsSpec {
  const sources = Object.entries(config.server.secrets).map(
    ([name, source]): [string, NamedSource] => [name, { key: `server.secrets.${name}`, source }],
  );
  const { backendStore } = config.storage;
  if (backendStore.type === "postgresql")
    sources.push([
      "MLFLOW_BACKEND_STORE_URI",
      { key: "storage.backendStore.uri", source: backendStore.uri },
    ]);
  const { artifacts } = config.storage;
  if (artifacts.type === "s3" && artifacts.credentials)
    for (const [name, key] of [
      ["AWS_ACCESS_KEY_ID", "accessKeyId"],
      ["AWS_SECRET_ACCESS_KEY", "secretAccessKey"],
    ] as const)
      sources.push([
        name,
        { key: `storage.artifacts.credentials.${key}`, source: artifacts.credentials[key] },
      ]);
  return {
    nomad: nomadTarget(config),
    job: config.job.name,
    sources: Object.fromEntries(sources),
  };
}
