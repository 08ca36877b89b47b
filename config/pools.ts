/** The connections to databases, which all workers share: how large each one's pools may be. */
import type { Auth } from "./auth.ts";
import type { Storage } from "./storage.ts";

/** MLflow can't be told to have no overflow: a pool is one connection and one more at least. */
const SMALLEST_POOL = 2;

/** A database that is no file, with the pools that each worker has of it. */
export interface PooledDatabase {
  readonly key: "backendStore" | "registryStore";
  /** Connections that all workers may hold at most. */
  readonly connections: number;
  readonly poolsOfWorker: number;
}

interface Servers {
  readonly workers: number;
  readonly count: number;
}

/** MLflow makes a pool for tracking, one for the model registry, and one for its users. */
export function pooledDatabases(
  { backendStore, registryStore }: Pick<Storage, "backendStore" | "registryStore">,
  auth: Auth,
): PooledDatabase[] {
  const users = auth.type === "basic" ? 1 : 0;
  const models = registryStore.type === "backendStore" ? 1 : 0;
  return [
    ...("connections" in backendStore
      ? [
          {
            key: "backendStore" as const,
            connections: backendStore.connections,
            poolsOfWorker: 1 + models + users,
          },
        ]
      : []),
    ...("connections" in registryStore
      ? [
          {
            key: "registryStore" as const,
            connections: registryStore.connections,
            poolsOfWorker: 1,
          },
        ]
      : []),
  ];
}

/** Why its connections are too few; undefined where they are enough. */
export function tooFewConnections(
  { connections, poolsOfWorker }: PooledDatabase,
  servers: Servers,
): string | undefined {
  const all = pools(poolsOfWorker, servers);
  const least = all * SMALLEST_POOL;
  if (connections >= least) return undefined;
  return `at least ${least}, for ${SMALLEST_POOL} in each of ${all} pools; raise it, or lower server.workers or job.count`;
}

/**
 * Connections that stay open in each pool; one more is opened and closed as needed. MLflow has one number
 * for all: what the smallest database allows.
 */
export function poolSize(databases: readonly PooledDatabase[], servers: Servers): number {
  const sizes = databases.map(
    ({ connections, poolsOfWorker }) => Math.floor(connections / pools(poolsOfWorker, servers)) - 1,
  );
  return Math.min(...sizes);
}

/** Pools of all servers while an update runs, when there are twice as many. */
function pools(ofWorker: number, { workers, count }: Servers): number {
  return workers * 2 * count * ofWorker;
}
