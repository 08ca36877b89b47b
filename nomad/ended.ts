import { setTimeout as sleep } from "node:timers/promises";
import { UserError } from "../config/errors.ts";
import type { NomadApi } from "./api.ts";
import type { NomadAllocation } from "./types.ts";

const POLL_MS = 500;

export interface UntilEnded {
  /** Seconds. */
  readonly patience: number;
  /** Of a job that was stopped just now, of which Nomad's scheduler may not know yet. @default false */
  readonly all?: boolean;
}

/**
 * Waits until all that was stopped of a job has ended. A client agent that is restarted before registers
 * the service of what is about to end once more, and proxies lead there (seen with Nomad 1.11.3).
 *
 * @throws UserError where something of it still runs after that
 */
export async function untilEnded(
  nomad: NomadApi,
  job: string,
  { patience, all = false }: UntilEnded,
): Promise<void> {
  const path = `/job/${encodeURIComponent(job)}/allocations`;
  for (const end = Date.now() + patience * 1000; ; await sleep(POLL_MS)) {
    const allocations = (await nomad.getPatiently<NomadAllocation[]>(path)) ?? [];
    const [first] = allocations.filter(
      (each) => (all || each.DesiredStatus !== "run") && goesOn(each),
    );
    if (!first) return;
    if (Date.now() > end)
      throw new UserError([
        `Nomad at ${nomad.address}: allocation ${first.ID.slice(0, 8)} of "${job}" on ${first.NodeName} was stopped and has not ended in ${patience} s; see its log, and run this again when it has`,
      ]);
  }
}

/** Of a client that is away Nomad says so, and nobody knows when it will end. */
function goesOn({ ClientStatus }: NomadAllocation): boolean {
  return ["pending", "running"].includes(ClientStatus);
}
