import { setTimeout as sleep } from "node:timers/promises";
import { UserError } from "../config/errors.ts";
import type { NomadApi } from "../nomad/api.ts";
import type { NomadAllocation } from "../nomad/types.ts";

const POLL_MS = 200;
const PATIENCE_MS = 30_000;

interface Evaluation {
  readonly Status: string;
  /** RFC 3339; when one that waits is looked at again. */
  readonly WaitUntil?: string;
}

/**
 * Has Nomad start what has failed of a job again. What is asked of an allocation is undone by the plan
 * for its failure where that is applied later (seen with Nomad 1.11.3), and so asked for again.
 *
 * @throws UserError where Nomad does not come to do it
 */
export async function reschedule(nomad: NomadApi, job: string): Promise<void> {
  const allocations = async () =>
    (await nomad.get<NomadAllocation[]>(`/job/${job}/allocations`)) ?? [];
  const failed = new Set((await allocations()).filter(isLeft).map(({ ID }) => ID));
  for (const end = Date.now() + PATIENCE_MS; Date.now() < end; ) {
    await nomad.post(`/job/${job}/evaluate`, {
      JobID: job,
      EvalOptions: { ForceReschedule: true },
    });
    while (Date.now() < end && (await isEvaluating(nomad, job))) await sleep(POLL_MS);
    const left = (await allocations()).filter((each) => failed.has(each.ID) && isLeft(each));
    if (left.length === 0) return;
  }
  throw new UserError([
    `${job}: Nomad did not start again what has failed, in ${PATIENCE_MS / 1000} s; try again, or see nomad job status ${job}`,
  ]);
}

/** Whether an allocation has failed, and none is to take its place. */
function isLeft({ ClientStatus, NextAllocation, DesiredTransition }: NomadAllocation): boolean {
  return ClientStatus === "failed" && !NextAllocation && !DesiredTransition.ForceReschedule;
}

async function isEvaluating(nomad: NomadApi, job: string): Promise<boolean> {
  const all = (await nomad.get<Evaluation[]>(`/job/${job}/evaluations`)) ?? [];
  return all.some(({ Status, WaitUntil }) => Status === "pending" && !WaitUntil);
}
