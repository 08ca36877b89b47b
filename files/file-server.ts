/** The server beside the volume (server/), asked over HTTP. */
import type { Readable } from "node:stream";
import { Agent, type Dispatcher, request } from "undici";
import { UserError } from "../config/errors.ts";
import { reason } from "../config/reason.ts";
import { type Body, Broken, exchange, PATIENCE_MS } from "./exchange.ts";
import type { TreeEntry } from "./tree.ts";

/** A store, or what is kept of a sweep. */
export interface Kept {
  readonly name: string;
  readonly kind: "store" | "sweep";
  readonly mtimeMs: number;
}

/** Of a file, when it was read. */
export interface Sent {
  /** Bytes. */
  readonly size: number;
  /** Permissions. */
  readonly mode: number;
  /** Of its last change, in seconds since 1970. */
  readonly mtime: number;
}

/** It does not answer, or the connection broke. */
export class FileServerGone extends UserError {}

export class FileServer {
  private readonly address: string;
  private readonly headers: { readonly authorization: string };
  private readonly signal: AbortSignal;
  private readonly agent: Agent;

  /**
   * @param address such as http://192.168.1.7:23456
   * @param signal ends what is asked
   */
  constructor(address: string, token: string, signal: AbortSignal) {
    this.address = address;
    this.headers = { authorization: `Bearer ${token}` };
    this.signal = signal;
    this.agent = new Agent({
      connect: { timeout: 5_000 },
      headersTimeout: PATIENCE_MS,
      bodyTimeout: PATIENCE_MS,
    });
  }

  /** Whether it answers yet. */
  async isUp(): Promise<boolean> {
    try {
      const { statusCode, body } = await this.send("GET", "/health", {});
      await body.dump();
      return statusCode === 200;
    } catch {
      this.signal.throwIfAborted();
      return false;
    }
  }

  /** What there is. @throws UserError */
  async stores(): Promise<Kept[]> {
    return (await this.answer("GET", "/stores", {})) as Kept[];
  }

  /** All below a folder; undefined where there is none. @throws UserError */
  async tree(path: string, { sha256 = false } = {}): Promise<TreeEntry[] | undefined> {
    const query = { path, ...(sha256 ? { sha256: "1" } : {}) };
    const { statusCode, body } = await this.send("GET", "/tree", query);
    const text = await this.read(body);
    if (statusCode === 404) return undefined;
    if (statusCode !== 200) throw problemsOf(statusCode, text);
    return text
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line));
  }

  /**
   * Sends a tar, whose members come to lie below a folder.
   *
   * @returns how many files and links it has taken
   * @throws UserError
   */
  async put(path: string, tar: AsyncIterable<Buffer>): Promise<number> {
    const taken = await this.answer("PUT", "/tar", { path }, tar);
    return (taken as { files: number }).files;
  }

  /** Files below a folder, as tar. @throws UserError */
  async get(path: string, paths: readonly string[]): Promise<Readable> {
    const { statusCode, body } = await this.send(
      "POST",
      "/tar",
      { path },
      Buffer.from(JSON.stringify(paths)),
    );
    if (statusCode !== 200) throw problemsOf(statusCode, await this.read(body));
    return body;
  }

  /**
   * One file, at the speed of the disks.
   *
   * @param take is given its pieces, each to be used before it returns
   * @returns undefined where there is no such file any more
   * @throws UserError, and what `take` throws
   */
  async getFile(path: string, take: (piece: Buffer) => void): Promise<Sent | undefined> {
    const { status, headers, text } = await this.exchange("GET", path, {}, undefined, take);
    if (status === 404) return undefined;
    if (status !== 200) throw problemsOf(status, text);
    return {
      size: Number(headers["content-length"]),
      mode: Number(headers["x-mode"]),
      mtime: Number(headers["x-mtime"]),
    };
  }

  /**
   * Sends one file, at the speed of the disks.
   *
   * @param mode its permissions
   * @param mtime in seconds since 1970, as text: a number has not enough digits
   * @throws UserError, and what reading it throws
   */
  async putFile(path: string, body: Body, mode: number, mtime: string): Promise<void> {
    const headers = { "x-mode": String(mode), "x-mtime": mtime };
    const { status, text } = await this.exchange("PUT", path, headers, body);
    if (status !== 200) throw problemsOf(status, text);
  }

  /** Removes a file, or a folder with all in it. @returns whether there was one. @throws UserError */
  async remove(path: string): Promise<boolean> {
    const { statusCode, body } = await this.send("DELETE", "/tree", { path });
    const text = await this.read(body);
    if (![200, 404].includes(statusCode)) throw problemsOf(statusCode, text);
    return statusCode === 200;
  }

  /** Ends the connections. */
  async close(): Promise<void> {
    await this.agent.destroy();
  }

  /** In words, why the connection broke. */
  broken(error: unknown): UserError {
    this.signal.throwIfAborted();
    if (error instanceof UserError) return error;
    return new FileServerGone([
      `the file server at ${this.address}: ${reason(error)}; run it again: it goes on where it was`,
    ]);
  }

  /** @returns what was answered, and as text what was not given to `take` */
  private async exchange(
    method: "GET" | "PUT",
    path: string,
    more: Readonly<Record<string, string>>,
    body?: Body,
    take?: (piece: Buffer) => void,
  ) {
    const said: Buffer[] = [];
    const { signal } = this;
    const asked = { method, url: this.urlOf("/file", { path }), body, signal };
    const head = await exchange(
      { ...asked, headers: { ...this.headers, ...more } },
      (piece, { status }) => {
        // What is said in place of a file is short.
        if (take && status === 200) take(piece);
        else said.push(Buffer.from(piece));
      },
    ).catch((error) => {
      throw error instanceof Broken ? this.broken(error.cause) : error;
    });
    return { ...head, text: String(Buffer.concat(said)) };
  }

  private async answer(
    method: Dispatcher.HttpMethod,
    path: string,
    query: Record<string, string>,
    sent?: AsyncIterable<Buffer>,
  ): Promise<unknown> {
    const { statusCode, body } = await this.send(method, path, query, sent);
    const text = await this.read(body);
    if (statusCode !== 200) throw problemsOf(statusCode, text);
    return JSON.parse(text);
  }

  private async send(
    method: Dispatcher.HttpMethod,
    path: string,
    query: Record<string, string>,
    sent?: AsyncIterable<Buffer> | Buffer,
  ) {
    const { headers, agent: dispatcher, signal } = this;
    // Its types know no plain iterable, which it takes.
    const body = sent as Dispatcher.DispatchOptions["body"];
    const options = { method, headers, dispatcher, signal, body };
    return request(this.urlOf(path, query), options).catch((error) => {
      throw this.broken(error);
    });
  }

  private urlOf(path: string, query: Record<string, string>): URL {
    const url = new URL(path, this.address);
    url.search = String(new URLSearchParams(query));
    return url;
  }

  private async read(body: Dispatcher.ResponseData["body"]): Promise<string> {
    return body.text().catch((error) => {
      throw this.broken(error);
    });
  }
}

function problemsOf(status: number, text: string): UserError {
  try {
    return new UserError((JSON.parse(text) as { problems: string[] }).problems);
  } catch {
    return new UserError([`the file server answered ${status}: ${text.slice(0, 200)}`]);
  }
}
