import type { HomelabConfig } from "../config/schema.ts";
import { driversOf } from "../config/storage.ts";
import { nomadTarget } from "../nomad/target.ts";
import type { ProbeSpec } from "../probe/spec.ts";
import { secretsSpec } from "./secrets-spec.ts";
import { probeEnvironment } from "./storage-environment.ts";
import { taskFiles } from "./task-files.ts";

/** The look at the stores from a Nomad client; none where all lies on volumes. */
export function probeSpec(config: HomelabConfig): ProbeSpec | undefined {
  if (driversOf(config.storage).length === 0) return undefined;
  const { region, namespace } = nomadTarget(config);
  return {
    secrets: secretsSpec(config),
    backendStore: config.storage.backendStore.type,
    registryStore: config.storage.registryStore.type,
    job: {
      region,
      namespace,
      datacenters: config.nomad.datacenters,
      nodePool: config.nomad.nodePool,
      constraints: config.job.constraints,
      env: probeEnvironment(config),
      files: taskFiles(config),
      uid: config.image.uid,
      gid: config.image.gid,
      memory: config.resources.memory,
    },
    deadline: config.job.healthyDeadline,
  };
}
