/**
 * A request of which the large part, either way, goes through memory that is used again. Where each piece
 * gets its own, as with Node's and undici's clients, clearing it away takes longer than all else about a
 * large file.
 */
import { connect, type Socket } from "node:net";
import { HTTPParser } from "http-parser-js";

/** Bytes that are read or written at a time, at most. */
const PIECE = 1 << 20;
/** Milliseconds of silence until a connection counts as broken: a tree on a NAS and an fsync take their time. */
export const PATIENCE_MS = 600_000;

/** What is sent. */
export interface Body {
  /** Bytes. */
  readonly size: number;
  /** Reads what comes next: how much, at least one byte. */
  readonly read: (into: Buffer) => Promise<number>;
}

export interface Asked {
  readonly method: "GET" | "PUT";
  /** By http. */
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Body;
  /** Ends the connection. */
  readonly signal: AbortSignal;
}

export interface Head {
  readonly status: number;
  /** By their names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
}

/** The connection broke, or could not be made: why is its cause. */
export class Broken extends Error {}

/**
 * Asks, over a connection of its own.
 *
 * @param take is given the response's pieces, each to be used before it returns
 * @returns when the response was complete
 * @throws Broken, and what `take` and reading the body throw
 */
export function exchange(
  { method, url, headers, body, signal }: Asked,
  take: (piece: Buffer, head: Head) => void,
): Promise<Head> {
  return new Promise((resolve, reject) => {
    let head: Head | undefined;
    const parser = new HTTPParser(HTTPParser.RESPONSE);
    parser.onHeadersComplete = ({ statusCode, headers }) => {
      head = { status: statusCode, headers: byName(headers) };
    };
    parser.onBody = (chunk, offset, length) => {
      if (head) take(chunk.subarray(offset, offset + length), head);
    };
    parser.onMessageComplete = () => {
      if (head) resolve(head);
      socket.destroy();
    };
    const buffer = Buffer.allocUnsafeSlow(PIECE);
    const give = (count: number) => {
      try {
        const parsed = parser.execute(buffer, 0, count);
        if (parsed instanceof Error) throw new Broken(parsed.message, { cause: parsed });
      } catch (error) {
        fail(error);
      }
      return true;
    };
    const socket = connect({
      host: url.hostname.replace(/^\[(.*)\]$/, "$1"),
      port: Number(url.port || 80),
      onread: { buffer, callback: give },
    });
    // As the option of the socket it would stay with the signal, one for each file.
    const leave = () => broken(new Error("ended"));
    signal.addEventListener("abort", leave);
    if (signal.aborted) leave();
    const fail = (error: unknown) => {
      reject(error);
      socket.destroy();
    };
    const broken = (cause: Error) => fail(new Broken(cause.message, { cause }));
    socket.setTimeout(PATIENCE_MS, () => broken(new Error("no answer any more")));
    socket.on("error", broken);
    // After the end of the response there is nobody to hear of it.
    socket.on("close", () => {
      signal.removeEventListener("abort", leave);
      broken(new Error("the connection was closed too early"));
    });
    const length = body ? { "content-length": String(body.size) } : {};
    const lines = Object.entries({ host: url.host, connection: "close", ...headers, ...length });
    const request = [
      `${method} ${url.pathname}${url.search} HTTP/1.1`,
      ...lines.map(([name, value]) => `${name}: ${value}`),
    ];
    socket.write(`${request.join("\r\n")}\r\n\r\n`);
    if (body) send(socket, body).catch(fail);
  });
}

/** Reads each piece while the one before is written. */
async function send(socket: Socket, { size, read }: Body): Promise<void> {
  const pieces = [Buffer.allocUnsafeSlow(PIECE), Buffer.allocUnsafeSlow(PIECE)] as const;
  let writing = Promise.resolve();
  // A connection that is gone says so itself; the server may have answered before.
  for (let left = size, turn = 0; left > 0 && !socket.destroyed; turn++) {
    const piece = pieces[turn % 2 === 0 ? 0 : 1];
    const count = await read(piece.subarray(0, left));
    left -= count;
    await writing;
    writing = new Promise((resolve) => {
      socket.write(piece.subarray(0, count), () => resolve());
    });
  }
}

/** From names and values in turn. */
function byName(fields: readonly string[]): Record<string, string> {
  const found: Record<string, string> = {};
  for (let at = 0; at + 1 < fields.length; at += 2)
    found[(fields[at] ?? "").toLowerCase()] = fields[at + 1] ?? "";
  return found;
}
