import { connect } from "node:net";
import { reason } from "../../config/reason.ts";
import { CONNECT_MS } from "../connection.ts";
import { type Finding, ok, wrong } from "../finding.ts";

/** The port of a URL, its scheme's where it names none. */
export function portOf({ port, protocol }: URL): number {
  return Number(port || (protocol === "https:" ? 443 : 80));
}

/** Is there somebody who listens? */
export async function checkTcp(url: URL): Promise<Finding> {
  const port = portOf(url);
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const failed = await tryToConnect(host, port);
  if (!failed) return ok(`port ${port} is open`);
  return wrong(
    `${url.hostname}:${port}: ${failed}`,
    "is Traefik running there, with an entry point of that port, and does a firewall let this machine in?",
  );
}

async function tryToConnect(host: string, port: number): Promise<string | undefined> {
  const socket = connect({ host, port, timeout: CONNECT_MS });
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("error", reject);
      socket.once("timeout", () => reject(new Error(`no answer in ${CONNECT_MS / 1000} s`)));
    });
    return undefined;
  } catch (error) {
    // A name with several addresses fails by several errors.
    const [first] = error instanceof AggregateError ? error.errors : [error];
    return reason(first);
  } finally {
    socket.destroy();
  }
}
