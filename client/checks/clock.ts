import { reason } from "../../config/reason.ts";
import { type Finding, ok, skipped, wrong } from "../finding.ts";
import type { Subject } from "../subject.ts";

/** Seconds; what a run's times may be off without misleading, and far below what breaks logins. */
const TOLERATED = 30;

/** Does this machine's clock go with the server's? The client writes the times of runs and metrics. */
export async function checkClock({ connection }: Subject): Promise<Finding> {
  try {
    const { headers, asked, answered } = await connection.ask("/health");
    const server = Date.parse(String(headers.date));
    if (Number.isNaN(server)) return skipped("the answers have no Date header");
    // A Date header has whole seconds.
    const off = Math.round((server + 500 - (asked + answered) / 2) / 1000);
    if (Math.abs(off) <= TOLERATED) return ok("within seconds of the server's");
    return wrong(
      `this machine's clock is ${duration(Math.abs(off))} ${off > 0 ? "behind" : "ahead of"} the server's, and the client writes the times of runs and metrics`,
      "set both by NTP: timedatectl set-ntp true",
    );
  } catch (error) {
    return skipped(reason(error));
  }
}

function duration(seconds: number): string {
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return `${Math.round(seconds / 3600)} h`;
}
