import { UserError } from "../../config/errors.ts";
import { retryTasks, stopSweep } from "../../sweep/control.ts";
import { gatherOf, gatherSweep, sweepJobOf } from "../../sweep/gather.ts";
import { BAD_INPUT } from "../exit-code.ts";
import { asking, contextOf } from "./context.ts";
import { type LookOptions, readTaskNumbers } from "./look.ts";
import { waitFor } from "./waiting.ts";

/** Ends a sweep; what is done stays done. */
export async function stop(name: string, { json = false, namespace }: LookOptions): Promise<void> {
  const context = await contextOf(namespace);
  await asking(context, async () => {
    const sweep = await gatherSweep(context.nomad, name);
    const { counts, state, isStopped } = sweep;
    await stopSweep(context.nomad, sweep);
    const ended = counts.running + counts.starting + counts.waiting + counts.unknown;
    if (json) return console.log(JSON.stringify({ name, stopped: ended }, undefined, 2));
    const noRetry = state === "failed" && !isStopped ? "; there is no retry of it any more" : "";
    if (ended === 0) return console.log(`${name}: ${state} already, nothing ran${noRetry}`);
    const tasks = ended === 1 ? "1 task" : `${ended} tasks`;
    console.log(`${name}: stopped; ${tasks} ended or were never started`);
  });
}

export interface RetryOptions extends LookOptions {
  readonly failed?: boolean;
  readonly task?: string;
  readonly wait?: boolean;
}

/** Runs tasks that failed again. */
export async function retry(name: string, options: RetryOptions): Promise<void> {
  const { json = false } = options;
  const ids = readTaskNumbers(options.task);
  if (ids && options.failed) throw new UserError(["--task: not together with --failed"], BAD_INPUT);
  const context = await contextOf(options.namespace);
  await asking(context, async () => {
    const { nomad } = context;
    const job = await sweepJobOf(nomad, name);
    const again = await retryTasks(nomad, { job, sweep: await gatherOf(nomad, job) }, ids);
    if (json && !options.wait) return console.log(JSON.stringify({ name, again }, undefined, 2));
    if (!json)
      console.log(
        again.length === 0
          ? `${name}: no task has failed`
          : `${name}: ${again.length === 1 ? "task" : "tasks"} ${again.join(", ")} again`,
      );
    if (options.wait) return waitFor(context, name, { json, failFast: false });
  });
}
