import { isManaged, limitsOf, managedKind } from "../config/managed-database.ts";
import type { HomelabConfig } from "../config/schema.ts";
import { dataOf } from "../config/volume.ts";
import type { ManagedDatabaseProps } from "../constructs/managed-database.ts";
import { DATABASE_SECRET, databaseSecretsSpec } from "./secrets-spec.ts";

type Deploy = Pick<ManagedDatabaseProps, "root" | "provider" | "generation" | "dependsOn">;

/** The database that a deploy runs; nothing where it runs none. */
export function managedDatabase(
  config: HomelabConfig,
): Omit<ManagedDatabaseProps, keyof Deploy> | undefined {
  const store = config.storage.backendStore;
  const secrets = databaseSecretsSpec(config);
  if (!isManaged(store) || !secrets) return undefined;
  const volume = config.volumes.backendStore;
  if (!volume) throw new Error("there is no volume for the database");
  return {
    kind: managedKind(store),
    datacenters: config.nomad.datacenters,
    nodePool: config.nomad.nodePool,
    priority: config.job.priority,
    image: store.image,
    port: store.port,
    hostNetwork: store.hostNetwork,
    volume: { name: volume.name, destination: "/mnt/backend_store", data: dataOf(volume) },
    uid: config.image.uid,
    gid: config.image.gid,
    limits: limitsOf(store),
    cpu: store.cpu,
    memory: store.memory,
    healthyDeadline: config.job.healthyDeadline,
    secrets,
    password: DATABASE_SECRET,
    adopt: config.job.adopt,
  };
}
