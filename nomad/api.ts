/**
 * A client for the few endpoints of Nomad's HTTP API that we ask, with the settings of the nomad
 * command: https://developer.hashicorp.com/nomad/docs/commands#environment-variables
 */
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { Agent, type Dispatcher, request } from "undici";
import { UserError } from "../config/errors.ts";
import { reason } from "../config/reason.ts";

export const DEFAULT_NOMAD_ADDRESS = "http://127.0.0.1:4646";

export interface NomadTarget {
  /** HTTP API; overrides NOMAD_ADDR. */
  readonly address?: string;
  readonly region: string;
  readonly namespace: string;
}

/** Tries, a second apart. */
const PATIENCE = 20;

/** No answer at all, unlike an answer that is an error. */
export class NomadUnreachable extends UserError {
  constructor(address: string, cause: unknown) {
    super([`Nomad at ${address}: ${reason(cause)}; start it and deploy again`]);
    this.cause = cause;
  }
}

export class NomadApi {
  readonly address: string;
  private readonly target: NomadTarget;
  private readonly headers: Record<string, string>;
  private readonly dispatcher: Dispatcher;

  /** @throws Error when a file that NOMAD_CACERT, NOMAD_CLIENT_CERT or NOMAD_CLIENT_KEY names can't be read */
  constructor(target: NomadTarget, env: NodeJS.ProcessEnv = process.env) {
    this.target = target;
    this.address = (target.address ?? env.NOMAD_ADDR) || DEFAULT_NOMAD_ADDRESS;
    this.headers = env.NOMAD_TOKEN ? { "x-nomad-token": env.NOMAD_TOKEN } : {};
    if (env.NOMAD_HTTP_AUTH)
      this.headers.authorization = `Basic ${Buffer.from(env.NOMAD_HTTP_AUTH).toString("base64")}`;
    const file = (name?: string) => (name ? readFileSync(name) : undefined);
    this.dispatcher = new Agent({
      connect: {
        timeout: 5_000,
        ca: file(env.NOMAD_CACERT),
        cert: file(env.NOMAD_CLIENT_CERT),
        key: file(env.NOMAD_CLIENT_KEY),
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
   * @throws Error with Nomad's own words on any other failure
   */
  async get<T>(path: string, query: Record<string, string> = {}): Promise<T | undefined> {
    const body = await this.getText(path, query);
    return body === undefined ? undefined : (JSON.parse(body) as T);
  }

  /** Like get, but patient with a Nomad that is away for a moment, as when its agent restarts. */
  async getPatiently<T>(path: string): Promise<T | undefined> {
    for (let tries = 1; ; tries++) {
      try {
        return await this.get<T>(path);
      } catch (error) {
        if (!(error instanceof NomadUnreachable) || tries >= PATIENCE) throw error;
        await sleep(1_000);
      }
    }
  }

  /** Like get, for an endpoint that answers plain text. */
  async getText(path: string, query: Record<string, string> = {}): Promise<string | undefined> {
    const base = this.address.startsWith("unix://") ? "http://localhost" : this.address;
    const url = new URL(`/v1${path}`, base);
    const { region, namespace } = this.target;
    url.search = String(new URLSearchParams({ region, namespace, ...query }));
    const { headers, dispatcher } = this;
    const response = await request(url, { headers, dispatcher }).catch((error) => {
      throw new NomadUnreachable(this.address, error);
    });
    const body = await response.body.text();
    if (response.statusCode === 404) return undefined;
    if (response.statusCode !== 200)
      throw new Error(`Nomad answered ${response.statusCode}: ${body.trim()}`);
    return body;
  }
}
