/** The sidecars as a user reads of them. */
import type { NomadApi } from "../../nomad/api.ts";
import type { SweepStatus } from "../gather.ts";
import { lastLines, untilWritten } from "../logs.ts";
import type { SidecarsStatus } from "./status.ts";

const LAST_LINES = 5;

/**
 * One line on sidecars that tasks wait for; undefined where they answer, or are not needed any more.
 *
 * @param stop command that stops the sweep
 */
export function sidecarsLine(
  sidecars: SidecarsStatus | undefined,
  stop: string,
): string | undefined {
  switch (sidecars?.state) {
    case "waiting":
      return `${named(sidecars)}: waiting for room on a client`;
    case "starting": {
      const { node, failedBefore } = sidecars;
      return `${named(sidecars)}: starting on ${node}${failedBefore ? `, ${failedBefore}` : ""}`;
    }
    case "failed":
      return `${named(sidecars)}: ${sidecars.reason}; tasks that wait for it fail ${whenFailed(sidecars)}, ${stop} ends them now`;
    default:
      return undefined;
  }
}

/** What there is to say of the sidecars now; of a failure with its last output. */
export async function sidecarsLines(
  nomad: NomadApi,
  { sidecars, state }: SweepStatus,
  stop: string,
): Promise<string[]> {
  const line = state === "running" ? sidecarsLine(sidecars, stop) : undefined;
  if (sidecars?.state !== "failed") return line ? [line] : [];
  return [
    `\n${line ?? `${named(sidecars)}: ${sidecars.reason}`}`,
    ...(await lastOutput(nomad, sidecars)),
  ];
}

/** The same while somebody waits, from one look to the next: Nomad is asked once for an output. */
export class SidecarsNews {
  private readonly nomad: NomadApi;
  private readonly stop: string;
  private lines: readonly string[] = [];

  constructor(nomad: NomadApi, stop: string) {
    this.nomad = nomad;
    this.stop = stop;
  }

  /** Another array when there is something else to say. */
  async read({ sidecars, state }: SweepStatus): Promise<readonly string[]> {
    const line = state === "running" ? sidecarsLine(sidecars, this.stop) : undefined;
    if (line !== this.lines[0])
      this.lines = line ? [line, ...(await lastOutput(this.nomad, sidecars))] : [];
    return this.lines;
  }
}

/** Of sidecars that have failed; of others nothing. */
async function lastOutput(
  nomad: NomadApi,
  sidecars: SidecarsStatus | undefined,
): Promise<string[]> {
  if (sidecars?.state !== "failed" || !sidecars.allocation) return [];
  const lines: string[] = [];
  await untilWritten([sidecars]);
  for (const task of sidecars.telling) {
    const said = await lastLines(nomad, sidecars.allocation, LAST_LINES, task);
    lines.push(...said.map((line) => `  ${task}: ${line}`));
  }
  return lines;
}

/** Each task waits for itself. */
function whenFailed({ timeout }: SidecarsStatus): string {
  return timeout === undefined ? "in time" : `${timeout} s after they began`;
}

function named({ names }: SidecarsStatus): string {
  return `${names.length === 1 ? "sidecar" : "sidecars"} ${names.join(", ")}`;
}
