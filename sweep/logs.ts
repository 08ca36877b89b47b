import { setTimeout as sleep } from "node:timers/promises";
import type { NomadApi } from "../nomad/api.ts";
import type { TaskStatus } from "./gather.ts";
import { TASK } from "./in-nomad.ts";

const STREAMS = ["stdout", "stderr"] as const;
const NEWLINE = 10;
/** Bytes of the end of a log that the last line is looked for in. */
const TAIL = "4000";
/** How long a log may go on growing when Nomad already calls its task dead. */
const WRITTEN_MS = 2_000;

/**
 * Waits until Nomad has written the whole logs of tasks that have ended. Nomad tells the end first, and
 * nobody when the process that writes the log is done.
 */
export async function untilWritten(ended: readonly Ended[]): Promise<void> {
  await sleep(leftToWrite(ended));
}

type Ended = Pick<TaskStatus, "finishedAt">;

/** Milliseconds in which a log of theirs may still grow. */
export function leftToWrite(ended: readonly Ended[], now = Date.now()): number {
  const ends = ended.flatMap(({ finishedAt }) => (finishedAt ? [Date.parse(finishedAt)] : []));
  const left = Math.max(...ends) + WRITTEN_MS - now;
  // A client's clock may be ahead of ours.
  return Math.min(Math.max(left, 0), WRITTEN_MS);
}

/** Reads what a task says, from its start on; each look gives what is new. */
export class TaskLog {
  private readonly nomad: NomadApi;
  private readonly allocation: string;
  private readonly offsets = { stdout: 0, stderr: 0 };
  /** Whether the client still had the log when it was asked last. */
  isThere = true;

  constructor(nomad: NomadApi, allocation: string) {
    this.nomad = nomad;
    this.allocation = allocation;
  }

  /**
   * The new lines of both outputs.
   *
   * @param isLast also what is after the last line break: the task has ended
   */
  async read(isLast: boolean): Promise<string[]> {
    const lines: string[] = [];
    for (const type of STREAMS) {
      const query = { task: TASK, type, plain: "true", origin: "start" };
      const offset = String(this.offsets[type]);
      const bytes = await this.nomad
        .getBytes(`/client/fs/logs/${this.allocation}`, { ...query, offset })
        .catch(() => undefined);
      this.isThere = bytes !== undefined;
      if (!bytes) continue;
      // A line that is not complete yet may end within a character.
      const end = isLast ? bytes.length : bytes.lastIndexOf(NEWLINE) + 1;
      this.offsets[type] += end;
      const text = bytes.subarray(0, end).toString().replace(/\n$/, "");
      if (end > 0) lines.push(...text.split("\n"));
    }
    return lines;
  }
}

/**
 * The last lines of a task, of its stderr where it says anything there.
 *
 * @param task of the allocation
 */
export async function lastLines(
  nomad: NomadApi,
  allocation: string,
  count: number,
  task = TASK,
): Promise<string[]> {
  for (const type of ["stderr", "stdout"]) {
    const query = { task, type, plain: "true", origin: "end", offset: TAIL };
    const text = await nomad.getText(`/client/fs/logs/${allocation}`, query).catch(() => "");
    const lines = (text ?? "").split("\n").filter((line) => line.trim() !== "");
    if (lines.length > 0) return lines.slice(-count);
  }
  return [];
}

/** The line a running task said last, on its stdout. */
export async function latestLine(nomad: NomadApi, allocation: string): Promise<string> {
  const query = { task: TASK, type: "stdout", plain: "true", origin: "end", offset: "400" };
  const text = await nomad.getText(`/client/fs/logs/${allocation}`, query).catch(() => "");
  return (text ?? "").trimEnd().split("\n").at(-1) ?? "";
}
