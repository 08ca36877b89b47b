/**
 * What a worker costs. Nomad's limit is hard: a server that grows over it is killed in the middle
 * of a request, so a config that can't fit is refused when it is loaded.
 */

/** MiB of the parent process with the app preloaded, and of what requests in flight need. */
export const BASE_MIB = 224;

/** MiB that one more worker adds while clients log and artifacts go up. */
export const WORKER_MIB = 64;

/**
 * Memory the server needs, in MiB.
 *
 * @param workers worker processes, 1 or more
 */
export function neededMemory(workers: number): number {
  return BASE_MIB + workers * WORKER_MIB;
}
