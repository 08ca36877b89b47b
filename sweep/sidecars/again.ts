import { setTimeout as sleep } from "node:timers/promises";
import { UserError } from "../../config/errors.ts";
import type { NomadApi } from "../../nomad/api.ts";
import type { NomadAllocation } from "../../nomad/types.ts";
import { newestOfTracker } from "./status.ts";

const POLL_MS = 500;
/** Longer than Nomad gives the sidecars to end. */
const PATIENCE_MS = 60_000;

/**
 * Waits until the sidecars of a sweep whose tasks have all ended have ended, too: Nomad starts again
 * what has failed, and not what is about to end.
 *
 * @throws UserError where they do not end
 */
export async function sidecarsEnded(nomad: NomadApi, sweep: string): Promise<void> {
  for (const end = Date.now() + PATIENCE_MS; Date.now() < end; await sleep(POLL_MS)) {
    const all = (await nomad.get<NomadAllocation[]>(`/job/${sweep}/allocations`)) ?? [];
    const [newest] = newestOfTracker(all);
    if (!newest || !["pending", "running"].includes(newest.ClientStatus)) return;
  }
  throw new UserError([
    `${sweep}: its sidecars have not ended ${PATIENCE_MS / 1000} s after its tasks; try again, or see nomad job status ${sweep}`,
  ]);
}
