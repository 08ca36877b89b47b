/** How tasks name a sidecar: sweep-tracker:PORT, or as scripts for the tool of the COILED headers do. */
import { quoteShell } from "../../templates/quote-shell.ts";

const NAMES = "coiled-scheduler|sweep-tracker";
const ADDRESS = new RegExp(`(?<![\\w.-])(?:${NAMES}):(\\d{1,5})(?!\\d)`, "g");
const URL_OF = new RegExp(`\\w://(?:[^\\s/@]*@)?((?:${NAMES})(?::(\\d+))?)(?![\\w.-])`, "g");

/** Name that a task knows a sidecar by. */
export const TRACKER_HOST = "sweep-tracker";

/** The shell variable that holds the host of the first sidecar, as the tool of the COILED headers has it. */
export const SCHEDULER_VARIABLE = "COILED_BATCH_SCHEDULER_ADDRESS";

/** The shell variable that holds HOST:PORT of the sidecar with that port, where the task reaches it. */
export function addressVariable(port: number): string {
  return `SWEEP_SIDECAR_${port}`;
}

/**
 * A text as one word of a POSIX shell, in which addresses of sidecars become those that they have.
 *
 * @param ports of the sweep's sidecars; addresses with others stay as they are
 */
export function shellText(text: string, ports: readonly number[]): string {
  const parts: string[] = [];
  let end = 0;
  for (const match of ports.length > 0 ? text.matchAll(ADDRESS) : []) {
    const port = Number(match[1]);
    if (!ports.includes(port)) continue;
    if (match.index > end) parts.push(quoteShell(text.slice(end, match.index)));
    parts.push(`"$${addressVariable(port)}"`);
    end = match.index + match[0].length;
  }
  if (end < text.length || parts.length === 0) parts.push(quoteShell(text.slice(end)));
  return parts.join("");
}

/** The port that a URL asks of a sidecar; undefined where it is of another server, or has none. */
export function sidecarPort(url: string): number | undefined {
  const port = [...url.matchAll(URL_OF)][0]?.[2];
  return port === undefined ? undefined : Number(port);
}

/**
 * URLs in a text that are of sidecars which are not there. Where none is, the name of the COILED headers' tool
 * is that of another tracker.
 */
export function addressProblems(text: string, ports: readonly number[]): string[] {
  return [...text.matchAll(URL_OF)].flatMap(([, address = "", port]) => {
    if (port !== undefined && ports.includes(Number(port))) return [];
    if (ports.length === 0 && !address.startsWith(TRACKER_HOST)) return [];
    return [
      `found ${address}; expected the port of a sidecar: ${ports.join(", ") || "none has one"}`,
    ];
  });
}
