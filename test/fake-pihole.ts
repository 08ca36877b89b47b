import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";

/**
 * A stand-in for Pi-hole 6, which can't be had here: as much of its API as a record needs, as its
 * documentation and source describe it (pi-hole/FTL, src/api). It resolves nothing.
 */
export interface FakePihole {
  readonly url: string;
  readonly records: { cnameRecords: string[]; hosts: string[] };
  /** Sessions that were not ended. */
  readonly sessions: Set<string>;
  /** How often its resolver was restarted. */
  restarts: number;
  close(): Promise<void>;
}

export interface FakePiholeSettings {
  /** Default: none is wanted. */
  readonly password?: string;
  /** webserver.api.app_sudo: whether an app password may change the configuration. */
  readonly appSudo?: boolean;
  readonly cnameRecords?: string[];
  readonly hosts?: string[];
  /** Milliseconds a restart takes, in which connections are closed. */
  readonly restartTakes?: number;
}

const SEATS = 16;

type Reply = [status: number, body?: object];

export async function startFakePihole(settings: FakePiholeSettings = {}): Promise<FakePihole> {
  const records: FakePihole["records"] = {
    cnameRecords: settings.cnameRecords ?? [],
    hosts: settings.hosts ?? [],
  };
  const sessions = new Set<string>();
  const { password, appSudo = true, restartTakes = 0 } = settings;
  let awayUntil = 0;
  let counter = 0;

  const refusal = (status: number, key: string, message: string, hint: unknown = null): Reply => [
    status,
    { error: { key, message, hint }, took: 0.001 },
  ];
  const session = (valid: boolean, sid: string | null): object => ({
    session: { valid, totp: false, sid, csrf: sid && "csrf", validity: valid ? 1800 : -1 },
    took: 0.001,
  });

  const answer = async (request: IncomingMessage): Promise<Reply> => {
    const { pathname, searchParams } = new URL(request.url ?? "", "http://pi.hole");
    const path = pathname.split("/").slice(1).map(decodeURIComponent);
    const sid = String(request.headers.sid ?? "");
    const allowed = !password || sessions.has(sid);
    if (path[0] !== "api") return [404];
    if (path[1] === "auth") {
      if (request.method === "GET")
        return allowed ? [200, session(true, null)] : [401, session(false, null)];
      if (request.method === "DELETE") return sessions.delete(sid) ? [204] : [404, { took: 0.001 }];
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk);
      const given = JSON.parse(Buffer.concat(chunks).toString()).password;
      if (given !== password) return [401, session(false, null)];
      if (sessions.size >= SEATS)
        return refusal(
          429,
          "api_seats_exceeded",
          "API seats exceeded",
          "increase webserver.api.max_sessions",
        );
      const made = `sid${++counter}=`;
      sessions.add(made);
      return [200, session(true, made)];
    }
    if (!allowed) return refusal(401, "unauthorized", "Unauthorized");
    const [, config, dns, list, value] = path;
    if (config !== "config" || dns !== "dns" || (list !== "cnameRecords" && list !== "hosts"))
      return [404, { took: 0.001 }];
    if (request.method === "GET") return [200, { config: { dns: { [list]: records[list] } } }];
    if (!appSudo)
      return refusal(
        403,
        "forbidden",
        "Unable to change configuration (read-only)",
        "The current app session is not allowed to modify Pi-hole config settings (webserver.api.app_sudo is false)",
      );
    const index = records[list].indexOf(value ?? "");
    if (request.method === "PUT" && index >= 0)
      return refusal(400, "bad_request", "Item already present", "Uniqueness of items is enforced");
    if (request.method === "DELETE" && index < 0) return [404, { took: 0.001 }];
    if (request.method === "PUT") records[list].push(value ?? "");
    else records[list].splice(index, 1);
    // dns.hosts is a file that is read anew; only the other is part of dnsmasq's configuration.
    if (list === "cnameRecords" && searchParams.get("restart") !== "false") {
      fake.restarts += 1;
      awayUntil = Date.now() + restartTakes;
    }
    return request.method === "PUT" ? [201, { took: 0.001 }] : [204];
  };

  const server = createServer((request, response) => {
    if (Date.now() < awayUntil) return request.socket.destroy();
    answer(request).then(([status, body]) =>
      response
        .writeHead(status, { "content-type": "application/json", connection: "close" })
        .end(body && JSON.stringify(body)),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const fake: FakePihole = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    records,
    sessions,
    restarts: 0,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
  return fake;
}
