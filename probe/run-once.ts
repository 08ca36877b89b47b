import { setTimeout as sleep } from "node:timers/promises";
import { lastLogLines, placementFailures } from "../check/deployment.ts";
import { UserError } from "../config/errors.ts";
import type { NomadApi } from "../nomad/api.ts";
import type { NomadAllocation } from "../nomad/types.ts";

const POLL_MS = 500;

/** A look at something by a batch job, whose only task says `error: ...` of what it finds. */
export interface Look {
  readonly name: string;
  readonly jobspec: string;
  /** Seconds it may take, the pull of the image included. */
  readonly deadline: number;
  /** What is looked at, for messages. */
  readonly what: string;
}

/**
 * Runs a batch job to its end, and makes Nomad forget it.
 *
 * @throws UserError with what it found, or why it did not run
 */
export async function runOnce(nomad: NomadApi, look: Look): Promise<void> {
  try {
    const Job = await nomad.post<object>("/jobs/parse", {
      JobHCL: look.jobspec,
      Canonicalize: true,
    });
    await nomad.put("/jobs", { Job });
    await waitForEnd(nomad, look);
  } finally {
    await nomad.delete(`/job/${look.name}`, { purge: "true" });
  }
}

async function waitForEnd(nomad: NomadApi, { name, deadline, what }: Look): Promise<void> {
  const end = Date.now() + deadline * 1000;
  while (Date.now() < end) {
    const [allocation] =
      (await nomad.getPatiently<NomadAllocation[]>(`/job/${name}/allocations`)) ?? [];
    if (allocation?.ClientStatus === "complete") return;
    if (allocation?.ClientStatus === "failed") throw await failure(nomad, allocation, what);
    await sleep(POLL_MS);
  }
  const reasons = await placementFailures(nomad, name);
  throw new UserError([
    `the look at ${what} did not end in ${deadline} s${reasons.length > 0 ? `: ${reasons.join("; ")}` : ""}; see the clients of Nomad, and deploy again`,
  ]);
}

async function failure(
  nomad: NomadApi,
  allocation: NomadAllocation,
  what: string,
): Promise<UserError> {
  const where = `seen from ${allocation.NodeName}`;
  const tasks = Object.keys(allocation.TaskStates ?? {});
  const logs = await Promise.all(tasks.map((task) => lastLogLines(nomad, allocation.ID, task)));
  const log = logs.flat();
  const found = log.flatMap((line) => /^error: (.*)$/.exec(line)?.[1] ?? []);
  if (found.length > 0) return new UserError(found.map((line) => `${line} (${where})`));
  const events = Object.values(allocation.TaskStates ?? {}).flatMap((state) => state.Events ?? []);
  const last = events.map((event) => event.DisplayMessage.replaceAll("\n", " ")).slice(-2);
  return new UserError([
    `the look at ${what} failed, ${where}: ${[...last, ...log.slice(-3)].join("; ")}`,
  ]);
}
