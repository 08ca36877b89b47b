/** The sidecars as a user reads of them. */
import type { NomadApi } from "../../nomad/api.ts";
import type { SweepStatus } from "../gather.ts";
import { lastLines, untilWritten } from "../logs.ts";
import type { SidecarsStatus } from "./status.ts";

const LAST_LINES = 5;

/** One line on sidecars that tasks wait for; undefined where they answer, or are not needed any more. */
export function sidecarsLine(sidecars: SidecarsStatus | undefined): string | undefined {
  switch (sidecars?.state) {
    case "waiting":
      return `${named(sidecars)}: waiting for room on a client`;
    case "starting":
      return `${named(sidecars)}: starting on ${sidecars.node}`;
    case "failed":
      return `${named(sidecars)}: ${sidecars.reason}; tasks that wait for it fail in time, sweep stop ends them now`;
    default:
      return undefined;
  }
}

/** What there is to say of the sidecars now; of a failure with its last output. */
export async function sidecarsLines(
  nomad: NomadApi,
  { sidecars, state }: SweepStatus,
): Promise<string[]> {
  const line = state === "running" ? sidecarsLine(sidecars) : undefined;
  if (sidecars?.state !== "failed" || !sidecars.allocation) return line ? [line] : [];
  const lines = [`\n${named(sidecars)}: ${sidecars.reason}`];
  await untilWritten([sidecars]);
  for (const task of sidecars.telling) {
    const said = await lastLines(nomad, sidecars.allocation, LAST_LINES, task);
    lines.push(...said.map((line) => `  ${task}: ${line}`));
  }
  return lines;
}

function named({ names }: SidecarsStatus): string {
  return `${names.length === 1 ? "sidecar" : "sidecars"} ${names.join(", ")}`;
}
