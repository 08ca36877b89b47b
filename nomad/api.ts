/**
 * A client for the few endpoints of Nomad's HTTP API that we ask, with the settings of the nomad
 * command: https://developer.hashicorp.com/nomad/docs/commands#environment-variables
 */
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { Agent, type Dispatcher, request } from "undici";
import { UserError } from "../config/errors.ts";
import { firstLine, reason } from "../config/reason.ts";
import { show } from "../config/show.ts";

export const DEFAULT_NOMAD_ADDRESS = "http://127.0.0.1:4646";

export interface NomadTarget {
  /** HTTP API; overrides NOMAD_ADDR. */
  readonly address?: string;
  readonly region: string;
  readonly namespace: string;
}

/** Of an answer that can't be read. */
export const NO_NOMAD = "something answers there that is no Nomad; set nomad.address or NOMAD_ADDR";

/** Tries, a second apart. */
const PATIENCE = 20;

/** No answer at all, unlike an answer that is an error. */
export class NomadUnreachable extends UserError {
  constructor(address: string, cause: unknown) {
    super([`Nomad at ${address}: ${reason(cause)}; start it and deploy again`]);
    this.cause = cause;
  }
}

/** An error of its own, such as having no leader for a moment after a restart. */
class NomadUnwell extends UserError {}

export class NomadApi {
  readonly address: string;
  private readonly target: NomadTarget;
  private readonly headers: Record<string, string>;
  private readonly dispatcher: Dispatcher;

  /** @throws UserError when a file that NOMAD_CACERT, NOMAD_CLIENT_CERT or NOMAD_CLIENT_KEY names can't be read */
  constructor(target: NomadTarget, env: NodeJS.ProcessEnv = process.env) {
    this.target = target;
    this.address = (target.address ?? env.NOMAD_ADDR) || DEFAULT_NOMAD_ADDRESS;
    this.headers = env.NOMAD_TOKEN ? { "x-nomad-token": env.NOMAD_TOKEN } : {};
    if (env.NOMAD_HTTP_AUTH)
      this.headers.authorization = `Basic ${Buffer.from(env.NOMAD_HTTP_AUTH).toString("base64")}`;
    const file = (variable: string) => readFileOf(variable, env[variable]);
    this.dispatcher = new Agent({
      connect: {
        timeout: 5_000,
        ca: file("NOMAD_CACERT"),
        cert: file("NOMAD_CLIENT_CERT"),
        key: file("NOMAD_CLIENT_KEY"),
        servername: env.NOMAD_TLS_SERVER_NAME || undefined,
        rejectUnauthorized: !["1", "true"].includes(env.NOMAD_SKIP_VERIFY ?? ""),
        socketPath: this.address.startsWith("unix://") ? this.address.slice(7) : undefined,
      },
      headersTimeout: 15_000,
      bodyTimeout: 15_000,
    });
  }

  /**
   * The JSON of a GET, or undefined for a 404.
   *
   * @param path below /v1, such as "/job/mlflow"
   * @throws UserError with Nomad's own words on any other failure
   */
  async get<T>(path: string, query: Record<string, string> = {}): Promise<T | undefined> {
    const body = await this.getText(path, query);
    return body === undefined ? undefined : this.parse<T>(body);
  }

  /** The same of a path that each Nomad has, with a list. @throws UserError where it is no Nomad */
  async list<T>(path: string, query: Record<string, string> = {}): Promise<T[]> {
    const all = await this.get<T[]>(path, query);
    if (!Array.isArray(all)) throw this.noNomad();
    return all;
  }

  /** Like get, but patient with a Nomad that is away for a moment, as when its agent restarts. */
  async getPatiently<T>(path: string): Promise<T | undefined> {
    for (let tries = 1; ; tries++) {
      try {
        return await this.get<T>(path);
      } catch (error) {
        const passing = error instanceof NomadUnreachable || error instanceof NomadUnwell;
        if (!passing || tries >= PATIENCE) throw error;
        await sleep(1_000);
      }
    }
  }

  /** Like get, for an endpoint that answers plain text. */
  async getText(path: string, query: Record<string, string> = {}): Promise<string | undefined> {
    return (await this.send("GET", path, query))?.toString();
  }

  /** Like getText, with the bytes as they are: a log may be cut within a character. */
  async getBytes(path: string, query: Record<string, string> = {}): Promise<Buffer | undefined> {
    return this.send("GET", path, query);
  }

  /** What Nomad answers to a value. @throws UserError with Nomad's own words when it does not take it */
  async post<T>(path: string, value: object): Promise<T> {
    const answer = await this.send("POST", path, {}, JSON.stringify(value));
    if (answer === undefined) throw this.noNomad(`404 to POST /v1${path}: `);
    return this.parse<T>(answer.toString());
  }

  /** Puts a value there. @throws UserError with Nomad's own words when it does not take it */
  async put(path: string, value: object): Promise<void> {
    await this.send("PUT", path, {}, JSON.stringify(value));
  }

  /** Deletes what is there, if anything. @throws UserError with Nomad's own words when it does not */
  async delete(path: string, query: Record<string, string> = {}): Promise<void> {
    await this.send("DELETE", path, query);
  }

  private parse<T>(text: string): T {
    try {
      return JSON.parse(text) as T;
    } catch {
      throw this.noNomad();
    }
  }

  private noNomad(found = ""): UserError {
    return new UserError([`Nomad at ${this.address}: ${found}${NO_NOMAD}`]);
  }

  private async send(
    method: "GET" | "PUT" | "POST" | "DELETE",
    path: string,
    query: Record<string, string>,
    sent?: string,
  ): Promise<Buffer | undefined> {
    const base = this.address.startsWith("unix://") ? "http://localhost" : this.address;
    const url = new URL(`/v1${path}`, base);
    const { region, namespace } = this.target;
    url.search = String(new URLSearchParams({ region, namespace, ...query }));
    const { headers, dispatcher } = this;
    const response = await request(url, { method, headers, dispatcher, body: sent }).catch(
      (error) => {
        throw new NomadUnreachable(this.address, error);
      },
    );
    const body = Buffer.from(await response.body.arrayBuffer());
    if (response.statusCode === 404) return undefined;
    if ([200, 204].includes(response.statusCode)) return body;
    const denied = [401, 403].includes(response.statusCode);
    const todo = denied
      ? `set NOMAD_TOKEN to one that may ${method} ${url.pathname}`
      : "see Nomad's log, or set nomad.address";
    const said = `it answered ${response.statusCode}: ${firstLine(withoutCount(body.toString()))}`;
    const problem = `Nomad at ${this.address}: ${said}; ${todo}`;
    throw response.statusCode >= 500 ? new NomadUnwell([problem]) : new UserError([problem]);
  }
}

/** Several errors begin with a line that only counts them. */
function withoutCount(text: string): string {
  return text.replace(/^\d+ errors? occurred:\s*\*?\s*/, "");
}

function readFileOf(variable: string, name: string | undefined): Buffer | undefined {
  if (!name) return undefined;
  try {
    return readFileSync(name);
  } catch {
    throw new UserError([`${variable}: found ${show(name)}; expected a PEM file that can be read`]);
  }
}
