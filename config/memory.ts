/**
 * What a worker costs. Nomad's limit is hard: a server that grows over it is killed in the middle
 * of a request, so a config that can't fit is refused when it is loaded.
 */

/** MiB of the parent process with the app preloaded, and of what requests in flight need. */
export const BASE_MIB = 224;

/** MiB that one more worker adds while clients log and artifacts go up. */
export const WORKER_MIB = 64;

/** MiB that a store with a driver of its own adds: PostgreSQL, S3. */
export const DRIVER_MIB = 64;

/** MiB that MLflow's own logins add, and again for each worker: one look at a password takes as much. */
export const AUTH_MIB = 32;

/**
 * Memory the server needs, in MiB.
 *
 * @param workers worker processes, 1 or more
 * @param drivers stores that need a driver
 * @param auth whether MLflow has logins of its own
 */
export function neededMemory(workers: number, drivers = 0, auth = false): number {
  const logins = auth ? AUTH_MIB * (1 + workers) : 0;
  return BASE_MIB + workers * WORKER_MIB + drivers * DRIVER_MIB + logins;
}
