import { UserError } from "../../config/errors.ts";
import type { Back } from "../../sweep/bring-back.ts";
import { firstFailure, NoSweep, type SweepStatus, type TaskStatus } from "../../sweep/gather.ts";
import { lastLines, untilWritten } from "../../sweep/logs.ts";
import { table, taskName } from "../../sweep/render.ts";
import { sidecarsLines } from "../../sweep/sidecars/lines.ts";
import { isOfSweep } from "../../sweep/tracker.ts";
import { watch } from "../../sweep/watch.ts";
import { type Context, sweepCommand } from "./context.ts";
import { type TrackedRuns, trackedRuns } from "./tracked-runs.ts";

const SOME_FAILED = 1;
const TIMED_OUT = 124;
const DETACHED = 130;
const LINES_OF_FAILURE = 10;

export interface WaitingOptions {
  readonly json: boolean;
  /** Seconds. */
  readonly timeout?: number;
  readonly failFast: boolean;
  /** Where what the tasks made is to come to. @default it stays where it is kept */
  readonly back?: Back;
}

/** Waits for a sweep, tells how it ended and sets the exit code; Ctrl-C leaves it running. */
export async function waitFor(
  context: Context,
  name: string,
  options: WaitingOptions,
): Promise<void> {
  const { nomad } = context;
  const leaving = new AbortController();
  const leave = () => {
    // The second time Nomad may be away, and is not waited for.
    if (leaving.signal.aborted) process.exit(DETACHED);
    leaving.abort();
  };
  // Not once: a library of the screen's ends the process where no other listens any more.
  process.on("SIGINT", leave).on("SIGTERM", leave);
  const goesOn = `the sweep goes on; ${sweepCommand(context, `wait ${name}`)} comes back to it`;
  let seen: SweepStatus | undefined;
  const { sweep, end } = await watch(nomad, name, {
    timeout: options.timeout,
    failFast: options.failFast,
    signal: leaving.signal,
    stop: sweepCommand(context, `stop ${name}`),
    isTerminal: process.stdout.isTTY === true && !options.json,
    see: (each) => {
      seen = each;
    },
    say: options.json ? console.error : console.log,
  })
    .catch((error) => {
      const isAway = error instanceof UserError && !(error instanceof NoSweep);
      if (isAway && seen?.state === "running") console.error(`Nomad is away: ${goesOn}`);
      throw error;
    })
    .finally(() => process.off("SIGINT", leave).off("SIGTERM", leave));
  if (end !== "ended") {
    const why = end === "detached" ? "detached" : `not done after ${options.timeout} s`;
    console.error(`${why}: ${goesOn}`);
    process.exitCode = end === "detached" ? DETACHED : TIMED_OUT;
    if (options.json) console.log(JSON.stringify(sweep, undefined, 2));
    return;
  }
  await tell(context, sweep, options.json);
  if (sweep.state !== "done" || sweep.sidecars?.state === "failed") process.exitCode = SOME_FAILED;
  // Loaded only where it is needed.
  await (await import("./kept.ts")).afterSweep(
    context,
    sweep,
    options.back ?? {},
    options.json ? console.error : console.log,
  );
}

/**
 * The whole of a sweep, with its runs in MLflow and why the first of the failed failed.
 *
 * @param tracked where MLflow has been asked already
 */
export async function tell(
  context: Context,
  sweep: SweepStatus,
  json: boolean,
  tracked?: TrackedRuns,
): Promise<void> {
  const { url, runs } = tracked ?? (await runsUntilItEnds(context, sweep));
  if (json) {
    const tasks = sweep.tasks.map((task) => ({ ...task, run: runs.get(task.index) }));
    return console.log(JSON.stringify({ ...sweep, trackerUrl: url, tasks }, undefined, 2));
  }
  console.log(table(sweep, runs).join("\n"));
  if (isOfSweep(sweep.tracker) && url) console.log(`MLflow, meanwhile: ${url}`);
  const stop = sweepCommand(context, `stop ${sweep.name}`);
  for (const line of await sidecarsLines(context.nomad, sweep, stop)) console.log(line);
  const failed = firstFailure(sweep);
  if (!failed?.allocation) return;
  console.log((await whyFailed(context, failed, failed.allocation)).join("\n"));
  if (sweep.isStopped || sweep.state === "running") return;
  const command = sweepCommand(context, `retry ${sweep.name} --failed`);
  console.log(`${command} runs the failed again`);
}

/** What a failed task said last; of one that said nothing, such as one that never began, what Nomad says. */
async function whyFailed({ nomad }: Context, failed: TaskStatus, allocation: string) {
  await untilWritten([failed]);
  const lines = await lastLines(nomad, allocation, LINES_OF_FAILURE);
  if (lines.length === 0 && failed.reason)
    return [`\n${taskName(failed)} said nothing; why it failed, by Nomad:`, `  ${failed.reason}`];
  const said = lines.length > 0 ? lines : ["nothing"];
  return [`\nwhat ${taskName(failed)} said last:`, ...said.map((line) => `  ${line}`)];
}

async function runsUntilItEnds(context: Context, sweep: SweepStatus): Promise<TrackedRuns> {
  // A tracker that ends with the sweep may just be about to.
  const isGone = isOfSweep(sweep.tracker) && sweep.state !== "running";
  return isGone ? { runs: new Map() } : trackedRuns(context, sweep);
}
