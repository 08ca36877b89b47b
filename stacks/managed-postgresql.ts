import type { ManagedPostgresql } from "../config/managed-postgresql.ts";
import type { HomelabConfig } from "../config/schema.ts";
import { dataOf } from "../config/volume.ts";
import type { ManagedPostgresqlProps } from "../constructs/managed-postgresql.ts";
import { allVolumes } from "./mounts.ts";
import { POSTGRESQL_PASSWORD, postgresqlSecretsSpec } from "./secrets-spec.ts";

type Deploy = Pick<ManagedPostgresqlProps, "root" | "provider" | "generation" | "dependsOn">;

/** The PostgreSQL of a config whose server's runs are in one that the deploy runs. */
export function managedPostgresql(
  config: HomelabConfig,
  store: ManagedPostgresql,
): Omit<ManagedPostgresqlProps, keyof Deploy> {
  const [volume] = allVolumes(config);
  if (!volume) throw new Error("there is no volume for PostgreSQL");
  return {
    datacenters: config.nomad.datacenters,
    nodePool: config.nomad.nodePool,
    priority: config.job.priority,
    image: store.image,
    port: store.port,
    hostNetwork: store.hostNetwork,
    volume: { name: volume.name, destination: "/mnt/backend_store", data: dataOf(volume) },
    uid: config.image.uid,
    gid: config.image.gid,
    connections: store.connections,
    cpu: store.cpu,
    memory: store.memory,
    healthyDeadline: config.job.healthyDeadline,
    secrets: postgresqlSecretsSpec(config),
    password: POSTGRESQL_PASSWORD,
    adopt: config.job.adopt,
  };
}
