import { readFileSync } from "node:fs";
import { rootCertificates } from "node:tls";
import { Agent, request } from "undici";
import { readAuthorities } from "./certificate-files.ts";
import type { ClientSettings } from "./settings.ts";

/** How long a connection may take, in milliseconds. */
export const CONNECT_MS = 5_000;

/** How long an answer may take, in milliseconds: a server that is slower is of no use. */
const ANSWER_MS = 15_000;

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
  /** Milliseconds since the epoch by this machine's clock, when it was asked and answered. */
  readonly asked: number;
  readonly answered: number;
}

export interface Question {
  readonly method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Sent as JSON, a Buffer as it is. */
  readonly body?: object | Buffer;
  /** Leave the login away. */
  readonly anonymous?: boolean;
}

/**
 * What of TLS a client's settings say, for Node.js. The authorities are those of the client, and
 * neither this machine's nor NODE_EXTRA_CA_CERTS: Python's requests knows Mozilla's.
 *
 * @throws Error when a file can't be read
 */
export function tlsOptions({ verify, clientCertificate }: ClientSettings) {
  const own = clientCertificate && readFileSync(clientCertificate, "utf8");
  return {
    ca: typeof verify === "string" ? readAuthorities(verify) : [...rootCertificates],
    ...(own ? { cert: own, key: own } : {}),
    rejectUnauthorized: verify !== false,
  };
}

/** Asks a server as MLflow's client with these settings would. */
export class Connection {
  private readonly base: string;
  private readonly authorization: string | undefined;
  private readonly agent: Agent;

  /** @throws Error when a file with certificates can't be read */
  constructor(url: URL, settings: ClientSettings) {
    this.base = url.href.replace(/\/$/, "");
    this.authorization = settings.login?.authorization;
    const tls = url.protocol === "https:" ? tlsOptions(settings) : {};
    const connect = { timeout: CONNECT_MS, ...tls };
    this.agent = new Agent({ connect, headersTimeout: ANSWER_MS, bodyTimeout: ANSWER_MS });
  }

  /**
   * One request.
   *
   * @param path below the URL, such as "/health"
   */
  async ask(path: string, { method, body, anonymous }: Question = {}): Promise<Answer> {
    const binary = Buffer.isBuffer(body);
    const type = binary ? "application/octet-stream" : "application/json";
    const authorization = anonymous ? undefined : this.authorization;
    const asked = Date.now();
    const answer = await request(`${this.base}${path}`, {
      method: method ?? (body ? "POST" : "GET"),
      headers: {
        ...(authorization ? { authorization } : {}),
        ...(body ? { "content-type": type } : {}),
      },
      body: binary ? body : body && JSON.stringify(body),
      dispatcher: this.agent,
    });
    const answered = Date.now();
    const received = Buffer.from(await answer.body.arrayBuffer());
    return { status: answer.statusCode, headers: answer.headers, body: received, asked, answered };
  }

  close(): Promise<void> {
    return this.agent.close();
  }
}
