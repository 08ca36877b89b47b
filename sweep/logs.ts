import { setTimeout as sleep } from "node:timers/promises";
import { stripVTControlCharacters } from "node:util";
import type { NomadApi } from "../nomad/api.ts";
import type { TaskStatus } from "./gather.ts";
import { TASK } from "./in-nomad.ts";

const STREAMS = ["stdout", "stderr"] as const;
const NEWLINE = 10;
/** Bytes of the end of a log that the last lines, or the last one, are looked for in. */
const TAIL = 4000;
const SHORT_TAIL = 400;
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

/** A line that a task has said. */
export interface LogLine {
  readonly stream: (typeof STREAMS)[number];
  readonly line: string;
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
  async read(isLast: boolean): Promise<LogLine[]> {
    const lines: LogLine[] = [];
    for (const stream of STREAMS) {
      const query = { task: TASK, type: stream, plain: "true", origin: "start" };
      const offset = String(this.offsets[stream]);
      const bytes = await this.nomad
        .getBytes(`/client/fs/logs/${this.allocation}`, { ...query, offset })
        .catch(() => undefined);
      this.isThere = bytes !== undefined;
      if (!bytes) continue;
      // A line that is not complete yet may end within a character.
      const end = isLast ? bytes.length : bytes.lastIndexOf(NEWLINE) + 1;
      this.offsets[stream] += end;
      const text = bytes.subarray(0, end).toString().replace(/\n$/, "");
      if (end > 0) lines.push(...text.split("\n").map((line) => ({ stream, line })));
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
  for (const stream of STREAMS.toReversed()) {
    const text = await tailOf(nomad, allocation, task, stream, TAIL);
    const lines = text.split("\n").filter((line) => line.trim() !== "");
    if (lines.length > 0) return lines.slice(-count);
  }
  return [];
}

/** The line that a running task said last. */
export class LatestLine {
  private readonly nomad: NomadApi;
  private readonly allocation: string;
  private tails = { stdout: "", stderr: "" };
  private line = "";

  constructor(nomad: NomadApi, allocation: string) {
    this.nomad = nomad;
    this.allocation = allocation;
  }

  /** Of the output that has a new one since the last look: Nomad knows no times of lines. */
  async read(): Promise<string> {
    const { nomad, allocation } = this;
    const [stdout = "", stderr = ""] = await Promise.all(
      STREAMS.map((stream) => tailOf(nomad, allocation, TASK, stream, SHORT_TAIL)),
    );
    const tails = { stdout, stderr };
    // Where both have one, what a script prints counts more than warnings.
    for (const stream of STREAMS.toReversed())
      if (tails[stream] !== this.tails[stream]) this.line = lastOf(tails[stream]) ?? this.line;
    this.tails = tails;
    return this.line;
  }
}

/** Progress bars write each state over the one before. */
function lastOf(text: string): string | undefined {
  const lines = stripVTControlCharacters(text).split(/[\r\n]/);
  return lines.findLast((line) => line.trim() !== "")?.trim();
}

/** The end of what a task said on one of its outputs; empty where the client has it no more. */
async function tailOf(
  nomad: NomadApi,
  allocation: string,
  task: string,
  type: LogLine["stream"],
  bytes: number,
): Promise<string> {
  const query = { task, type, plain: "true", origin: "end", offset: String(bytes) };
  return (await nomad.getText(`/client/fs/logs/${allocation}`, query).catch(() => "")) ?? "";
}
