import { setTimeout as sleep } from "node:timers/promises";
import { request } from "undici";
import { reason } from "../config/reason.ts";
import { agentFor, login as loginOfClient } from "./client.ts";
import type { CheckSpec } from "./spec.ts";

/** How often a broken connection is tried again, and how long after. */
const TRIES = 3;
const PAUSE_MS = 2_000;

export interface Answer {
  readonly status: number;
  readonly body: Buffer;
}

export type Ask = (
  path: string,
  headers?: Record<string, string>,
  method?: "GET" | "POST" | "PUT" | "DELETE",
  body?: Buffer | string,
) => Promise<Answer>;

/** Whom to ask. */
export interface Asked {
  /** Where to connect to, such as "http://127.0.0.1:25000", and the path below which MLflow answers. */
  readonly base: string;
  /** The Host header that clients send. */
  readonly host: string;
  /**
   * The login that is sent.
   * @default that of the variables of MLflow's own client, for a proxy that wants one
   */
  readonly login?: Readonly<Record<string, string>>;
  /** What the name in base leads to, where a DNS server was asked; else this machine's resolver is. */
  readonly address?: string;
}

/** Does something with a way to ask a server, over connections that are closed in the end. */
export async function asking<Result>(
  { base, host, login = loginOfClient(), address }: Asked,
  work: (ask: Ask) => Promise<Result>,
): Promise<Result> {
  const dispatcher = agentFor(address, new URL(`http://${host}`).hostname);
  try {
    return await work(async (path, headers = {}, method = "GET", body) => {
      const all = { host, ...login, ...headers };
      const answer = await request(`${base}${path}`, { method, headers: all, body, dispatcher });
      return { status: answer.statusCode, body: Buffer.from(await answer.body.arrayBuffer()) };
    });
  } finally {
    await dispatcher.close();
  }
}

/**
 * A proxy may still send some requests to the server before this one for a moment, which answers as it
 * was configured, hangs up, or makes the proxy answer: then all is asked again.
 *
 * @param patience milliseconds for which what does not hold may be that server's
 * @param find what does not hold, one line each
 */
export async function askSteadily(
  ask: Ask,
  { base, patience }: { readonly base: string; readonly patience: number },
  find: (ask: Ask) => Promise<string[]>,
): Promise<string[]> {
  const fromServer: Ask = async (...args) => {
    const answer = await ask(...args);
    if ([502, 503, 504].includes(answer.status)) throw new Error(`status ${answer.status}`);
    return answer;
  };
  const end = Date.now() + patience;
  for (let tries = 1; ; tries++) {
    try {
      const problems = await find(fromServer);
      if (problems.length === 0 || Date.now() >= end) return problems;
    } catch (error) {
      if (tries >= TRIES && Date.now() >= end)
        return [`${base}: healthy, then ${reason(error)}; see the server's log, and deploy again`];
    }
    await sleep(PAUSE_MS);
  }
}

/** Longer than Traefik's 15 s, after which it asks Nomad again; 0 where the server itself is asked. */
export function patienceFor({ through }: Pick<CheckSpec, "through">): number {
  return through === "url" ? 20_000 : 0;
}
