/**
 * The few endpoints of Pi-hole 6's API that a record needs. Its own pages document them, at
 * /api/docs of each Pi-hole; their source: https://github.com/pi-hole/FTL/tree/master/src/api/docs
 */
import { setTimeout as sleep } from "node:timers/promises";
import { Agent, request } from "undici";
import { UserError } from "../config/errors.ts";
import { reason } from "../config/reason.ts";
import type { PiholeItem, PiholeRecords } from "./pihole-records.ts";

/** Seconds in which Pi-hole is back after the restart that a change of its records leads to. */
const PATIENCE = 10;

/** It does not answer at all, unlike an answer that is a refusal. */
export class PiholeUnreachable extends UserError {}

interface Answer {
  readonly status: number;
  /** Pi-hole's own words where it refuses. */
  readonly message: string;
  readonly body: unknown;
}

/** One session with a Pi-hole. */
export class Pihole {
  private readonly url: string;
  private readonly dispatcher = new Agent({ connect: { timeout: 5_000 }, headersTimeout: 15_000 });
  private sid: string | undefined;

  private constructor(url: string) {
    this.url = url;
  }

  /**
   * Logs in.
   *
   * @param password an app password or the web interface's; none for a Pi-hole that wants none
   * @throws UserError with what Pi-hole said
   */
  static async login(url: string, password = process.env.PIHOLE_PASSWORD): Promise<Pihole> {
    const pihole = new Pihole(url);
    const answer = password
      ? await pihole.ask("POST", "/auth", { password })
      : await pihole.ask("GET", "/auth");
    const { session } = Object(answer.body) as { session?: { valid: boolean; sid: string | null } };
    if (session?.valid) {
      pihole.sid = session.sid ?? undefined;
      return pihole;
    }
    if (answer.status === 401)
      throw pihole.error(
        password
          ? "it refuses the password in PIHOLE_PASSWORD; set it to an app password of this Pi-hole"
          : "it wants a password; set PIHOLE_PASSWORD to an app password of this Pi-hole",
      );
    if (answer.status === 404 || answer.message === "")
      throw pihole.error(
        `expected its API at /api/auth, found status ${answer.status}: no Pi-hole 6 answers there; correct dns.url, or dns.version`,
      );
    throw pihole.error(`${answer.message}; see its log, and try again`);
  }

  /** Ends the session, of which a Pi-hole has few. It may just be restarting. */
  async logout(): Promise<void> {
    if (!this.sid) return;
    for (let tries = 0; tries < PATIENCE; tries++) {
      const answer = await this.ask("DELETE", "/auth").catch(() => undefined);
      if (answer) return;
      await sleep(1_000);
    }
  }

  /** The local records. */
  async records(): Promise<PiholeRecords> {
    const list = async (name: keyof PiholeRecords): Promise<string[]> => {
      const answer = await this.ask("GET", `/config/dns/${name}`);
      const { config } = Object(answer.body) as { config?: { dns?: Record<string, string[]> } };
      const found = config?.dns?.[name];
      if (answer.status !== 200 || !found) throw this.refused(answer, `dns.${name}`);
      return found;
    };
    return { cnameRecords: await list("cnameRecords"), hosts: await list("hosts") };
  }

  /** Adds an entry. Pi-hole restarts its resolver by itself. */
  async add({ list, value }: PiholeItem): Promise<void> {
    const answer = await this.ask("PUT", this.pathOf({ list, value }));
    if (answer.status !== 201) throw this.refused(answer, `${list} "${value}"`);
  }

  /** @param restart false when another change follows at once */
  async remove({ list, value }: PiholeItem, restart = true): Promise<void> {
    const query = restart ? "" : "?restart=false";
    const answer = await this.ask("DELETE", `${this.pathOf({ list, value })}${query}`);
    // 404: somebody else was quicker.
    if (![204, 404].includes(answer.status)) throw this.refused(answer, `${list} "${value}"`);
  }

  private pathOf({ list, value }: PiholeItem): string {
    return `/config/dns/${list}/${encodeURIComponent(value)}`;
  }

  private async ask(
    method: "GET" | "POST" | "PUT" | "DELETE",
    path: string,
    body?: object,
  ): Promise<Answer> {
    const answer = await request(`${this.url}/api${path}`, {
      method,
      dispatcher: this.dispatcher,
      headers: {
        ...(body ? { "content-type": "application/json" } : {}),
        ...(this.sid ? { sid: this.sid } : {}),
      },
      body: body ? JSON.stringify(body) : undefined,
    }).catch((error) => {
      throw new PiholeUnreachable([
        `Pi-hole at ${this.url}: ${reason(error)}; start it, or correct dns.url`,
      ]);
    });
    const text = await answer.body.text();
    const json = parsed(text);
    const { error } = Object(json) as { error?: { message?: string; hint?: unknown } };
    const hint = typeof error?.hint === "string" ? ` (${error.hint})` : "";
    return {
      status: answer.statusCode,
      message: error?.message ? `${error.message}${hint}` : "",
      body: json,
    };
  }

  private refused({ status, message }: Answer, what: string): UserError {
    if (status === 403)
      return this.error(
        `${message || "it refuses to change its configuration"}; allow it: pihole-FTL --config webserver.api.app_sudo true`,
      );
    return this.error(`${what}: ${message || `status ${status}`}; correct dns`);
  }

  private error(text: string): UserError {
    return new UserError([`Pi-hole at ${this.url}: ${text}`]);
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
