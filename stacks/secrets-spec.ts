import type { HomelabConfig } from "../config/schema.ts";
import { nomadTarget } from "../nomad/target.ts";
import { ARTIFACTS_TASK, type NamedSource, type SecretsSpec } from "../secrets/spec.ts";
import type { ServerTask } from "./mounts.ts";

type Sources = [name: string, source: NamedSource][];

/** All secrets of a config, by the environment variables they become. */
export function secretsSpec(config: HomelabConfig): SecretsSpec {
  return spec(config, [...ofRuns(config), ...ofArtifacts(config)]);
}

/** Those of one task: what it does not need it does not see. */
export function secretsOf(config: HomelabConfig, task: ServerTask): SecretsSpec {
  if (task === "artifacts") return { ...spec(config, ofArtifacts(config)), task: ARTIFACTS_TASK };
  return config.storage.artifactsServer ? spec(config, ofRuns(config)) : secretsSpec(config);
}

/** Those of each task that a config has. */
export function secretsSpecs(config: HomelabConfig): SecretsSpec[] {
  const tasks: ServerTask[] = config.storage.artifactsServer ? ["server", "artifacts"] : ["server"];
  return tasks.map((task) => secretsOf(config, task));
}

function spec(config: HomelabConfig, sources: Sources): SecretsSpec {
  return {
    nomad: nomadTarget(config),
    job: config.job.name,
    sources: Object.fromEntries(sources),
  };
}

function ofRuns({ server, storage: { backendStore } }: HomelabConfig): Sources {
  const sources = Object.entries(server.secrets).map(([name, source]): Sources[number] => [
    name,
    { key: `server.secrets.${name}`, source },
  ]);
  if (backendStore.type === "postgresql")
    sources.push([
      "MLFLOW_BACKEND_STORE_URI",
      { key: "storage.backendStore.uri", source: backendStore.uri },
    ]);
  return sources;
}

function ofArtifacts({ storage: { artifacts } }: HomelabConfig): Sources {
  if (artifacts.type !== "s3" || !artifacts.credentials) return [];
  const { credentials } = artifacts;
  return (
    [
      ["AWS_ACCESS_KEY_ID", "accessKeyId"],
      ["AWS_SECRET_ACCESS_KEY", "secretAccessKey"],
    ] as const
  ).map(([name, key]) => [
    name,
    { key: `storage.artifacts.credentials.${key}`, source: credentials[key] },
  ]);
}
