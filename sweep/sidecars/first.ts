import { setTimeout as sleep } from "node:timers/promises";
import type { NomadApi } from "../../nomad/api.ts";
import type { NomadAllocation } from "../../nomad/types.ts";
import { newestOfTracker } from "./status.ts";

const POLL_MS = 200;
const PATIENCE_MS = 10_000;

/** A job as Nomad's parser makes it. */
interface ParsedJob {
  readonly TaskGroups: readonly { readonly Name: string; readonly Count: number }[];
}

/**
 * Registers the job of a sweep with sidecars: first with no tasks, which would wait for sidecars whose
 * room they have taken. Nomad places the groups of a job in an order that changes.
 *
 * @param group of the tasks
 * @returns whether the sidecars have a place; else the tasks are there as well, and wait for them
 */
export async function registerSidecarsFirst(
  nomad: NomadApi,
  name: string,
  job: object,
  group: string,
): Promise<boolean> {
  const { TaskGroups } = job as ParsedJob;
  const groups = TaskGroups.map((each) => (each.Name === group ? { ...each, Count: 0 } : each));
  const first = { Job: { ...job, TaskGroups: groups }, EnforceIndex: true, JobModifyIndex: 0 };
  const { JobModifyIndex } = await nomad.post<{ JobModifyIndex: number }>("/jobs", first);
  try {
    const placed = await isPlaced(nomad, name);
    // Refused where somebody has stopped it meanwhile.
    await nomad.post("/jobs", { Job: job, EnforceIndex: true, JobModifyIndex });
    return placed;
  } catch (error) {
    await nomad.delete(`/job/${name}`, { purge: "true" });
    throw error;
  }
}

async function isPlaced(nomad: NomadApi, name: string): Promise<boolean> {
  for (const end = Date.now() + PATIENCE_MS; Date.now() < end; await sleep(POLL_MS)) {
    const all = (await nomad.get<NomadAllocation[]>(`/job/${name}/allocations`)) ?? [];
    if (newestOfTracker(all).length > 0) return true;
  }
  return false;
}
