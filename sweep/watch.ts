/** Waits for a sweep, and shows where it stands. */
import { setTimeout as sleep } from "node:timers/promises";
import type { NomadApi } from "../nomad/api.ts";
import { forgetSecrets, stopSweep } from "./control.ts";
import { gatherSweep, type SweepStatus } from "./gather.ts";
import { LatestLine } from "./logs.ts";
import { endLine, headline, isEnded, taskName } from "./render.ts";
import { SidecarsNews } from "./sidecars/lines.ts";

const POLL_MS = 1_000;
/** While more tasks than these are to end, Nomad is asked less often. */
const MANY = 100;
const POLL_MANY_MS = 3_000;
/** Running tasks that are shown with their latest line. */
const SHOWN = 8;
const LINE_WIDTH = 76;

export interface WatchOptions {
  /** Seconds. @default for ever */
  readonly timeout?: number;
  /** Whether the first failure may end a sweep that was registered so. */
  readonly failFast: boolean;
  /** Aborted when the user leaves. */
  readonly signal: AbortSignal;
  /** A screen that changes, or lines. */
  readonly isTerminal: boolean;
  /** Command that stops the sweep. */
  readonly stop: string;
  /** Gets each status. */
  readonly see: (sweep: SweepStatus) => void;
  /** Gets lines that stay. */
  readonly say: (line: string) => void;
}

/** How the waiting came to its end. */
export interface Watched {
  readonly sweep: SweepStatus;
  readonly end: "ended" | "timed out" | "detached";
}

/** Waits until all tasks have ended, the time is over or the user leaves. */
export async function watch(
  nomad: NomadApi,
  name: string,
  options: WatchOptions,
): Promise<Watched> {
  const news = new SidecarsNews(nomad, options.stop);
  if (!options.isTerminal) {
    let open: readonly number[] = [];
    let told: readonly string[] = [];
    return follow(nomad, name, options, async (sweep) => {
      const { tasks } = sweep;
      const lines = await news.read(sweep);
      if (lines !== told) for (const line of lines) options.say(line);
      told = lines;
      // What has ended before is in the table at the end.
      for (const task of tasks.filter((each) => isEnded(each) && open.includes(each.id)))
        options.say(endLine(task));
      open = tasks.filter((each) => !isEnded(each)).map(({ id }) => id);
    });
  }
  let watched: Promise<Watched> | undefined;
  const latest = new Map<string, LatestLine>();
  // Loaded for a screen alone: `sweep status` has none, and its start is felt.
  const { Listr } = await import("listr2");
  const screen = new Listr(
    [
      {
        title: name,
        task: async (_, task) => {
          watched = follow(nomad, name, options, async (sweep) => {
            task.title = headline(sweep);
            const sidecars = await news.read(sweep);
            const lines = await runningLines(nomad, sweep, latest);
            task.output = [...sidecars, ...lines].join("\n");
          });
          // A mark beside the line; what there is to say comes after the screen.
          const { sweep } = await watched;
          if (sweep.state !== "done") throw new Error(sweep.state);
        },
      },
    ],
    {
      registerSignalListeners: false,
      exitOnError: false,
      rendererOptions: { showErrorMessage: false, collapseErrors: false },
    },
  );
  await screen.run();
  if (!watched) throw new Error("the screen ended before its task began");
  return watched;
}

async function follow(
  nomad: NomadApi,
  name: string,
  { timeout, signal, failFast, see }: WatchOptions,
  show: (sweep: SweepStatus) => Promise<void>,
): Promise<Watched> {
  const end = timeout === undefined ? Number.POSITIVE_INFINITY : Date.now() + timeout * 1000;
  for (let stopping = false; ; ) {
    const sweep = await gatherSweep(nomad, name);
    see(sweep);
    await show(sweep);
    if (sweep.state !== "running") {
      // Nothing will read them any more.
      if (sweep.state === "done") await forgetSecrets(nomad, sweep);
      return { sweep, end: "ended" };
    }
    if (signal.aborted) return { sweep, end: "detached" };
    if (Date.now() >= end) return { sweep, end: "timed out" };
    const failed = sweep.counts.failed > 0 || sweep.sidecars?.state === "failed";
    if (failFast && sweep.failFast && failed && !stopping) {
      stopping = true;
      await stopSweep(nomad, sweep);
    }
    const open = sweep.tasks.filter((task) => !isEnded(task)).length;
    const pause = open > MANY ? POLL_MANY_MS : POLL_MS;
    await sleep(Math.min(pause, end - Date.now()), undefined, { signal }).catch(() => {});
  }
}

/**
 * The running tasks with what each said last.
 *
 * @param latest by the allocation, from one look to the next
 */
async function runningLines(
  nomad: NomadApi,
  { tasks }: SweepStatus,
  latest: Map<string, LatestLine>,
): Promise<string[]> {
  const running = tasks.filter(({ state }) => state === "running");
  const shown = running.slice(0, SHOWN).map(async (task) => {
    const { allocation = "" } = task;
    const reader = latest.get(allocation) ?? new LatestLine(nomad, allocation);
    latest.set(allocation, reader);
    return `${taskName(task)} ${await reader.read()}`.slice(0, LINE_WIDTH);
  });
  const more = running.length - SHOWN;
  return [...(await Promise.all(shown)), ...(more > 0 ? [`and ${more} more`] : [])];
}
