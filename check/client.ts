import { isIP, type LookupFunction } from "node:net";
import { Agent, buildConnector, request } from "undici";
import { reason } from "../config/reason.ts";
import { ask } from "../dns/question.ts";
import type { CheckSpec } from "./spec.ts";

/**
 * What connections are made by.
 *
 * @param address where every name leads; by default this machine's resolver is asked
 * @param name whose certificate is expected, where the connection is to another address
 */
export function agentFor(address?: string, name?: string): Agent {
  const connector = buildConnector({
    timeout: 5_000,
    ...(address ? { lookup: always(address) } : {}),
  });
  // undici would ask for the certificate of whatever Host header is sent. An address is no name to ask for.
  const sent = name && { servername: isIP(name.replace(/^\[|\]$/g, "")) ? "" : name };
  const connect: buildConnector.connector = (options, callback) =>
    connector({ ...options, ...sent }, callback);
  return new Agent({ connect, headersTimeout: 30_000 });
}

/** For a proxy that wants a login: the variables of MLflow's own client. */
export function login(env: NodeJS.ProcessEnv = process.env): Record<string, string> {
  const { MLFLOW_TRACKING_USERNAME: user, MLFLOW_TRACKING_PASSWORD: password } = env;
  return user && password ? basic(user, password) : {};
}

/** The header of HTTP basic authentication. */
export function basic(user: string, password: string): { authorization: string } {
  return { authorization: `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}` };
}

/** Whether a url's name is the one that a record was made for. */
export function isNameOf(url: string, dns: CheckSpec["dns"]): boolean {
  return new URL(url).hostname === dns?.name.toLowerCase();
}

/**
 * Asks for the server's health, once.
 *
 * @param dns the record that was made: its server is asked where the url's name leads
 * @returns what was found in place of 200; undefined when all is well
 */
export async function whyUnhealthy(
  url: string,
  dns?: CheckSpec["dns"],
): Promise<string | undefined> {
  let dispatcher: Agent | undefined;
  try {
    const found = dns && isNameOf(url, dns) ? await ask(dns.server, dns.name) : undefined;
    if (found?.addresses.length === 0)
      return `no address at the DNS server ${dns?.server.address}:${dns?.server.port}`;
    dispatcher = agentFor(found?.addresses[0]);
    const answer = await request(`${url}/health`, { dispatcher, headers: login() });
    await answer.body.dump();
    return answer.statusCode === 200 ? undefined : `status ${answer.statusCode}`;
  } catch (error) {
    return reason(error);
  } finally {
    // While a deploy waits, this is asked once a second, by an agent each.
    await dispatcher?.close();
  }
}

/** In place of this machine's resolver. */
function always(address: string): LookupFunction {
  return (_hostname, { all }, callback) => {
    if (all) callback(null, [{ address, family: 4 }]);
    else callback(null, address, 4);
  };
}
