/** A sweep on this machine, without Nomad: one task after the other, or some at a time. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { scriptVariables, startLine } from "./delivery.ts";
import type { SweepTask } from "./tasks.ts";

export interface LocalSweep {
  readonly name: string;
  readonly tasks: readonly SweepTask[];
  /** The script that runs each. */
  readonly script: string;
  readonly secrets: Readonly<Record<string, string>>;
  /** Tasks at a time. */
  readonly maxWorkers: number;
  /** The first failure keeps the next from starting. */
  readonly failFast: boolean;
  /** Puts into a task's working folder what it gets beside its script. @default nothing */
  readonly prepare?: (work: string) => Promise<void>;
}

export interface LocalResult {
  /** Absolute path of the folder that holds a folder of each task, by its number. */
  readonly folder: string;
  /** Exit codes by the tasks' numbers; missing where a task was not started. */
  readonly exitCodes: ReadonlyMap<number, number>;
}

/**
 * Runs the tasks with the same script that runs them on a client, each in a folder of its own.
 *
 * @param line gets what a task says, line by line
 */
export async function runLocally(
  sweep: LocalSweep,
  line: (task: SweepTask, text: string) => void,
): Promise<LocalResult> {
  const folder = mkdtempSync(join(tmpdir(), `${sweep.name}-`));
  const exitCodes = new Map<number, number>();
  const left = sweep.tasks.map((task, index) => ({ task, index }));
  const work = async () => {
    for (let next = left.shift(); next; next = left.shift()) {
      const { task, index } = next;
      const own = join(folder, String(task.id));
      const exitCode = await runTask(sweep, own, index, (text) => line(task, text));
      exitCodes.set(task.id, exitCode);
      if (exitCode !== 0 && sweep.failFast) left.length = 0;
    }
  };
  await Promise.all(Array.from({ length: sweep.maxWorkers }, work));
  return { folder, exitCodes };
}

async function runTask(
  { script, secrets, prepare }: LocalSweep,
  folder: string,
  index: number,
  line: (text: string) => void,
): Promise<number> {
  const variables = scriptVariables(script);
  const secretsDir = join(folder, "secrets");
  mkdirSync(secretsDir, { recursive: true });
  await prepare?.(join(folder, "work"));
  const child = spawn("/bin/sh", ["-c", startLine(variables)], {
    env: {
      ...process.env,
      ...secrets,
      ...variables,
      NOMAD_ALLOC_INDEX: String(index),
      NOMAD_TASK_DIR: folder,
      NOMAD_SECRETS_DIR: secretsDir,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  for (const stream of [child.stdout, child.stderr])
    createInterface({ input: stream }).on("line", line);
  return exitCodeOf(child);
}

async function exitCodeOf(child: ChildProcess): Promise<number> {
  const [code, signal] = (await once(child, "close")) as [number | null, NodeJS.Signals | null];
  // As shells say it.
  return code ?? (signal === "SIGKILL" ? 137 : 130);
}
