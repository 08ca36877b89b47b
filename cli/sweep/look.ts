import { setTimeout as sleep } from "node:timers/promises";
import { UserError } from "../../config/errors.ts";
import type { NomadApi } from "../../nomad/api.ts";
import { expectNamespace } from "../../nomad/namespace.ts";
import {
  gatherOf,
  gatherSweep,
  NoSweep,
  type SweepStatus,
  sweepJobOf,
  sweepNames,
  type TaskStatus,
  trackerOfJob,
  UnreadableSweep,
} from "../../sweep/gather.ts";
import { TaskLog, untilWritten } from "../../sweep/logs.ts";
import { duration } from "../../sweep/parse.ts";
import { cut, hasFailed, isEnded, summary } from "../../sweep/render.ts";
import { taskNumbers } from "../../sweep/tasks.ts";
import { isOfSweep } from "../../sweep/tracker.ts";
import { Wrong } from "../../sweep/wrong.ts";
import { BAD_INPUT } from "../exit-code.ts";
import { asking, contextOf } from "./context.ts";
import { type TrackedRuns, trackedRuns } from "./tracked-runs.ts";
import { tell, waitFor } from "./waiting.ts";

const FOLLOW_MS = 1_000;
/** Sweeps that Nomad is asked about at a time. */
const AT_A_TIME = 8;

/** Loaded only where it is needed: what a look at Nomad takes is felt. */
const kept = () => import("./kept.ts");

export interface LookOptions {
  readonly json?: boolean;
  readonly namespace?: string;
}

/** The sweeps that Nomad knows, one a line. */
export async function list({ json = false, namespace }: LookOptions): Promise<void> {
  const context = await contextOf(namespace);
  await asking(context, async () => {
    const names = await sweepNames(context.nomad);
    const sweeps = [];
    for (let at = 0; at < names.length; at += AT_A_TIME) {
      const some = names.slice(at, at + AT_A_TIME);
      sweeps.push(...(await Promise.all(some.map((name) => listed(context.nomad, name)))).flat());
    }
    if (sweeps.length === 0) await expectNamespace(context.nomad, context.target.namespace);
    if (json)
      return console.log(
        JSON.stringify(
          sweeps.map(({ tasks: _, ...sweep }) => sweep),
          undefined,
          2,
        ),
      );
    if (sweeps.length === 0) console.log("Nomad knows no sweep; npx homelab sweep run starts one");
    for (const sweep of sweeps)
      console.log(
        `${sweep.submittedAt.slice(0, 16).replace("T", " ")}  ${sweep.state.padEnd(8)} ${summary(sweep)}`,
      );
  });
}

/** A sweep; none where it can't be read, which is told, or was forgotten meanwhile. */
async function listed(nomad: NomadApi, name: string): Promise<SweepStatus[]> {
  try {
    return [await gatherSweep(nomad, name)];
  } catch (error) {
    if (error instanceof UnreadableSweep) console.error(error.problems.join("\n"));
    else if (!(error instanceof NoSweep)) throw error;
    return [];
  }
}

/** One sweep as it is now, or was when Nomad forgot it; ends with 1 where tasks failed or were stopped. */
export async function status(
  name: string,
  { json = false, namespace }: LookOptions,
): Promise<void> {
  const context = await contextOf(namespace);
  await asking(context, async () => {
    let found: [SweepStatus, TrackedRuns | undefined];
    try {
      const job = await sweepJobOf(context.nomad, name);
      const tracker = trackerOfJob(job);
      // At the same time, as both take long with many tasks.
      found = await Promise.all([
        gatherOf(context.nomad, job),
        isOfSweep(tracker) ? undefined : trackedRuns(context, { name, tracker }),
      ]);
    } catch (error) {
      return (await kept()).showKept(context, name, json, error);
    }
    const [sweep, tracked] = found;
    await tell(context, sweep, json, tracked);
    if (hasFailed(sweep) || sweep.sidecars?.state === "failed") process.exitCode = 1;
  });
}

/** Waits for a sweep that was registered before. */
export async function wait(
  name: string,
  options: LookOptions & { readonly timeout?: string },
): Promise<void> {
  const timeout = read("--timeout", options.timeout, duration);
  const context = await contextOf(options.namespace);
  await asking(context, () =>
    waitFor(context, name, { json: options.json ?? false, timeout, failFast: true }),
  );
}

export interface LogsOptions extends LookOptions {
  readonly task?: string;
  readonly failed?: boolean;
  readonly follow?: boolean;
}

/** What tasks have said, each line with its task's number where there are several, or as JSON. */
export async function logs(name: string, options: LogsOptions): Promise<void> {
  const ids = read("--task", options.task, taskNumbers);
  const context = await contextOf(options.namespace);
  const { nomad } = context;
  const isWanted = ({ id, state }: TaskStatus) =>
    (!ids || ids.includes(id)) && (!options.failed || state === "failed");
  await asking(context, async () => {
    const readers = new Map<string, TaskLog>();
    const ended = new Set<string>();
    const silent: number[] = [];
    for (;;) {
      const sweep = await gatherSweep(nomad, name);
      const known = sweep.tasks.map(({ id }) => id);
      const unknown = ids?.filter((id) => !known.includes(id)) ?? [];
      if (unknown.length > 0)
        throw new UserError(
          unknown.map((id) => `--task ${id}: ${name} has no such task`),
          BAD_INPUT,
        );
      const unread = sweep.tasks
        .filter(isWanted)
        .filter((task) => !ended.has(task.allocation ?? ""));
      // For all together: each wait of its own would be minutes where a client's clock is ahead.
      await untilWritten(unread.filter(isEnded));
      for (const task of unread) {
        const { allocation } = task;
        if (!allocation) continue;
        const reader = readers.get(allocation) ?? new TaskLog(nomad, allocation);
        readers.set(allocation, reader);
        const prefix = ids?.length === 1 || sweep.tasks.length === 1 ? "" : `[${task.id}] `;
        for (const said of await reader.read(isEnded(task)))
          console.log(
            options.json
              ? JSON.stringify({ task: task.id, value: task.value, ...said })
              : `${prefix}${said.line}`,
          );
        if (isEnded(task)) ended.add(allocation);
        if (isEnded(task) && !reader.isThere) silent.push(task.id);
      }
      if (!options.follow || sweep.state !== "running") break;
      await sleep(FOLLOW_MS);
    }
    if (silent.length > 0)
      console.error(
        `of ${silent.length} of the tasks (${cut(silent.join(", "))}) the Nomad clients have no log any more: client.gc_max_allocs of their configuration`,
      );
  });
}

function read<T>(
  option: string,
  text: string | undefined,
  parse: (text: string) => T,
): T | undefined {
  try {
    return text === undefined ? undefined : parse(text);
  } catch (error) {
    if (!(error instanceof Wrong)) throw error;
    throw new UserError(
      [`${option}: found ${JSON.stringify(text)}; expected ${error.message}`],
      BAD_INPUT,
    );
  }
}

/** Numbers of tasks, as an option has them. */
export function readTaskNumbers(text: string | undefined): number[] | undefined {
  return read("--task", text, taskNumbers);
}
