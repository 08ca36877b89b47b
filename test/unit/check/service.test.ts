import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it, vi } from "vitest";
import { checkService } from "../../../check/service.ts";
import type { CheckSpec } from "../../../check/spec.ts";

/** A stand-in for MLflow with its host and origin checks; the real one is asked in test/e2e/. */
interface Behaviour {
  version?: string;
  hosts?: string[];
  origins?: string[];
  damage?: boolean;
  readOnly?: boolean;
  /** Path below which it answers; none by default. */
  prefix?: string;
  /** Who is let in, as USER:PASSWORD; all by default. */
  login?: string;
  /** How often the version before this one answers. */
  older?: number;
  /** How often an upload is hung up on. */
  hangsUp?: number;
}

const closing: (() => void)[] = [];
afterEach(() => {
  vi.unstubAllEnvs();
  for (const close of closing.splice(0)) close();
});

async function serve(behaviour: Behaviour): Promise<string> {
  const files = new Map<string, Buffer>();
  let older = 0;
  const answer = async (request: IncomingMessage): Promise<[number, string | Buffer]> => {
    const { method, headers } = request;
    const { prefix = "" } = behaviour;
    if (!request.url?.startsWith(prefix)) return [404, "another server"];
    const url = request.url.slice(prefix.length);
    if (url === "/health") return [200, "OK"];
    const login = Buffer.from(headers.authorization?.split(" ")[1] ?? "", "base64").toString();
    if (behaviour.login && login !== behaviour.login) return [401, "login"];
    if (url === "/version" && older++ < (behaviour.older ?? 0)) return [200, "3.1.0"];
    if (url === "/version") return [200, behaviour.version ?? "3.17.2"];
    if (behaviour.hosts && !behaviour.hosts.includes(headers.host ?? "")) return [403, "host"];
    const origin = headers.origin;
    if (origin && behaviour.origins && !behaviour.origins.includes(origin)) return [403, "origin"];
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    if (method === "PUT" && behaviour.readOnly) return [500, "read-only file system"];
    if (method === "PUT") files.set(url, Buffer.concat(chunks));
    if (method === "GET") {
      const file = files.get(url) ?? Buffer.alloc(0);
      return [200, behaviour.damage ? Buffer.concat([file, Buffer.from("x")]) : file];
    }
    if (method === "DELETE") files.delete(url);
    return [200, "{}"];
  };
  let hangUps = 0;
  const server = createServer((request, response) => {
    if (request.method === "PUT" && hangUps < (behaviour.hangsUp ?? 0)) {
      hangUps += 1;
      return request.destroy();
    }
    answer(request).then(([status, body]) => response.writeHead(status).end(body));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closing.push(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const spec: CheckSpec = {
  nomad: { region: "global", namespace: "default" },
  job: "mlflow",
  hostname: "mlflow.lan",
  url: "http://mlflow.lan",
  artifacts: "proxied",
  through: "allocation",
  mlflowVersion: "3.17.2",
  deadline: 60,
};
const strict: Behaviour = { hosts: ["mlflow.lan"], origins: ["http://mlflow.lan"] };

describe("the check of the service", () => {
  it("finds nothing wrong with a server that is as promised", async () => {
    expect(await checkService(spec, await serve(strict))).toEqual([]);
  });

  it("tries again when a proxy still sends it to the server before this one", async () => {
    expect(await checkService(spec, await serve({ ...strict, hangsUp: 1 }))).toEqual([]);
  });

  it("asks again where the one before this one may still answer behind a proxy", async () => {
    const proxied = { ...spec, through: "url" } as const;
    expect(await checkService(proxied, await serve({ ...strict, older: 1 }))).toEqual([]);
  });

  it("asks below the path that MLflow answers at", async () => {
    const below = { ...spec, url: "http://mlflow.lan/ml" };
    const server = await serve({ ...strict, prefix: "/ml" });
    expect(await checkService(below, `${server}/ml`)).toEqual([]);
  });

  it("asks for the page of the hostname as well, where the url has another name", async () => {
    const named = { ...spec, hostname: "ml.lan" };
    expect(await checkService(named, await serve(strict))).toEqual([
      expect.stringMatching(
        /the page http:\/\/ml\.lan at .*: expected 200, found 403; set hostname/,
      ),
    ]);
    const both = { ...strict, origins: ["http://mlflow.lan", "http://ml.lan"] };
    expect(await checkService(named, await serve(both))).toEqual([]);
  });

  it("logs in as the admin where MLflow asks for it, and tells when it does not ask", async () => {
    vi.stubEnv("ADMIN", "é:secret");
    const password = { key: "server.auth.admin.password", source: { env: "ADMIN" } };
    const locked = { ...spec, login: { username: "admin", password } };
    const login = "admin:é:secret";
    expect(await checkService(locked, await serve({ ...strict, login }))).toEqual([]);
    expect(await checkService(locked, await serve(strict))).toEqual([
      expect.stringMatching(/a request with a wrong password at .*: expected 401, found 200; /),
    ]);
  });

  it.each<[string, Behaviour, RegExp]>([
    [
      "another version",
      { ...strict, version: "3.1.0" },
      /version at .*: expected 3\.17\.2, found 3\.1\.0; /,
    ],
    [
      "a refused own name",
      { ...strict, hosts: ["other.lan"] },
      /a request for mlflow\.lan at .*: expected 200, found 403; /,
    ],
    [
      "a refused own page",
      { ...strict, origins: [] },
      /the page http:\/\/mlflow\.lan at .*: expected 200, found 403; /,
    ],
    [
      "any name accepted",
      { origins: strict.origins },
      /a request for foreign\.example at .*: expected refused, found accepted; /,
    ],
    [
      "any page accepted",
      { hosts: strict.hosts },
      /the page http:\/\/foreign\.example at .*: expected refused, found accepted; /,
    ],
    [
      "damaged artifacts",
      { ...strict, damage: true },
      /an artifact's SHA-256 at .*: expected \w{64}, found \w{64}; /,
    ],
    [
      "a server that ends in the middle",
      { ...strict, hangsUp: Number.POSITIVE_INFINITY },
      /^http:\/\/127\.0\.0\.1:\d+: healthy, then .+; see the server's log, and deploy again$/,
    ],
    [
      "a volume that can't be written",
      { ...strict, readOnly: true },
      /uploading an artifact at .*: expected 200, found 500; /,
    ],
  ])("tells of %s", async (_, behaviour, told) => {
    const problems = await checkService(spec, await serve(behaviour));
    expect(problems.join("\n")).toMatch(told);
  });
});
