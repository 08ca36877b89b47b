import type { NomadApi } from "../nomad/api.ts";
import { TASK } from "./job.ts";

const STREAMS = ["stdout", "stderr"] as const;
const NEWLINE = 10;
/** Bytes of the end of a log that the last line is looked for in. */
const TAIL = "4000";

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

/** The last lines of a task, of its stderr where it says anything there. */
export async function lastLines(
  nomad: NomadApi,
  allocation: string,
  count: number,
): Promise<string[]> {
  for (const type of ["stderr", "stdout"]) {
    const query = { task: TASK, type, plain: "true", origin: "end", offset: TAIL };
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
