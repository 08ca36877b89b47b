import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { placeOf } from "../../../client/checks/artifact.ts";
import { whyNot } from "../../../client/checks/version.ts";
import { examine, type Result } from "../../../client/examine.ts";
import { diagnose } from "../../../client/settings.ts";
import { isOfDeployment } from "../../../client/subject.ts";
import { checkConfig } from "../../../config/check.ts";
import type { HomelabInput } from "../../../config/schema.ts";
import { smallConfig } from "../synth.ts";

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

/** A server that stands in for proxies and MLflows that a test can't have. */
async function fakeServer(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closing.push(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const pages =
  (found: Readonly<Record<string, [status: number, body: string, headers?: object]>>) =>
  (...[{ url = "" }, response]: Parameters<RequestListener>) => {
    const [, page] = Object.entries(found).find(([path]) => url.startsWith(path)) ?? [];
    const [status, body, headers] = page ?? [404, "not here"];
    response.writeHead(status, { ...headers }).end(body);
  };

/** What the checks say of a deployment with this URL, by check. */
async function checked(
  url: string,
  env: NodeJS.ProcessEnv = {},
  more: Partial<HomelabInput> = {},
): Promise<Record<string, Result>> {
  const config = checkConfig(smallConfig({ url, ...more }), "homelab.config.ts");
  const found: Record<string, Result> = {};
  const diagnosis = diagnose(url, env, "/nonexistent");
  for await (const result of examine(config, "3.17.2", diagnosis)) found[result.check] = result;
  return found;
}

describe("the checks from the client's side", () => {
  it("ask nothing where the client could not", async () => {
    const found = await checked("http://127.0.0.1:9", { MLFLOW_TRACKING_URI: "mlflow.lan" });
    expect(found.variables?.status).toBe("wrong");
    const others = Object.values(found).filter(({ check }) => check !== "variables");
    expect(others).toHaveLength(10);
    for (const { status, found: why } of others)
      expect([status, why]).toEqual(["skipped", "without meaning until variables is mended"]);
  });

  it("name the first that failed as the reason of all that depend on it", async () => {
    const found = await checked("http://no-such-name.invalid");
    expect(found.DNS).toMatchObject({
      status: "wrong",
      todo: expect.stringContaining("/etc/hosts"),
    });
    for (const check of ["TCP", "TLS", "Host", "health", "version", "run", "artifact", "clock"])
      expect(found[check]?.found).toBe("without meaning until DNS is mended");
  });

  it.each([
    [404, "404 page not found\n", "Traefik has no router for 127.0.0.1"],
    [502, "Bad Gateway", "status 502: the proxy does not reach MLflow"],
    [503, "no available server", "status 503"],
    [200, "<html>another</html>", "another page than MLflow's answers"],
  ])("tell %d %j of the server's health", async (status, body, text) => {
    const found = await checked(await fakeServer(pages({ "/": [status, body] })));
    expect(found.health?.status).toBe("wrong");
    expect(found.health?.found).toContain(text);
    expect(found.run?.found).toBe("without meaning until health is mended");
  });

  it("tell a name that MLflow refuses from one that Traefik does not know", async () => {
    const refused = await checked(
      await fakeServer(
        pages({
          "/health": [200, "OK"],
          "/api": [403, "Invalid Host header - possible DNS rebinding attack detected"],
        }),
      ),
    );
    expect(refused.Host?.found).toMatch(/^MLflow answers 403 to requests for 127\.0\.0\.1:\d+$/);
    expect(refused.Host?.todo).toContain("server.allowedHosts");
    expect(refused.health?.status).toBe("ok");
    expect(refused.authentication?.found).toBe("without meaning until Host is mended");

    const unknown = await fakeServer(pages({ "/": [404, "404 page not found\n"] }));
    const found = await checked("http://127.0.0.1:9", { MLFLOW_TRACKING_URI: unknown });
    expect(found.Host?.found).toMatch(/^Traefik has no router for 127\.0\.0\.1:\d+$/);
    expect(found.Host?.todo).toContain("use http://127.0.0.1:9");
  });

  it("tell a login that is wanted, one that is refused, and an address that is not let in", async () => {
    const login = { MLFLOW_TRACKING_USERNAME: "ada", MLFLOW_TRACKING_PASSWORD: "secret" };
    const wanting = await fakeServer(pages({ "/": [401, "401 Unauthorized\n"] }));
    const without = (await checked(wanting)).authentication;
    expect(without?.found).toBe("a login is wanted (401), and the client has none");
    const refused = (await checked(wanting, login)).authentication;
    expect(refused?.found).toBe('user "ada" is refused (401)');
    expect(refused?.todo).toBe("correct MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD");
    const closed = await fakeServer(pages({ "/": [403, "Forbidden"] }));
    const traefik = { ipAllowList: ["10.0.0.0/8"] };
    const kept = (await checked(closed, login, { traefik })).authentication;
    expect(kept?.found).toBe('user "ada" is not let in (403)');
    expect(kept?.todo).toContain("traefik.ipAllowList");
  });

  it("tell another version than the deployed", async () => {
    const found = await checked(
      await fakeServer(pages({ "/health": [200, "OK"], "/version": [200, "3.16.0"] })),
    );
    expect(found.version?.found).toBe("the server is MLflow 3.16.0, and 3.17.2 is in image/");
  });

  it("tell a clock that is off, whichever way", async () => {
    const skewed = (seconds: number) =>
      fakeServer((_, response) => {
        const date = new Date(Date.now() + seconds * 1000).toUTCString();
        response.writeHead(200, { date }).end("OK");
      });
    expect((await checked(await skewed(-600))).clock?.found).toContain("clock is 10 min ahead of");
    expect((await checked(await skewed(7200))).clock?.found).toContain("clock is 2 h behind");
    expect((await checked(await skewed(20))).clock?.status).toBe("ok");
  });

  it("write nothing to a server that is none of the deployment's", async () => {
    const asked: string[] = [];
    const other = await fakeServer(({ url = "" }, response) => {
      asked.push(url);
      response.end(url === "/version" ? "3.17.2" : url === "/health" ? "OK" : "{}");
    });
    const found = await checked("http://127.0.0.1:9", { MLFLOW_TRACKING_URI: other });
    expect(found.variables?.found).toContain(
      "which is none of this deployment's; set it to http://",
    );
    expect(found.authentication?.status).toBe("ok");
    expect(found.run?.status).toBe("skipped");
    expect(found.artifact?.status).toBe("skipped");
    expect(asked.filter((url) => /create|artifacts/.test(url))).toEqual([]);
  });
});

describe("a run and an artifact there and back", () => {
  const RUN = "0123456789abcdef0123456789abcdef";
  const run = {
    info: { run_id: RUN, artifact_uri: `mlflow-artifacts:/7/${RUN}/artifacts` },
    data: {},
  };

  /** A stand-in for MLflows that fail as one on a full disk does, with what it was asked. */
  async function failing(
    artifact: (method: string) => [status: number, body: string],
    refused = "",
  ) {
    const asked: string[] = [];
    const url = await fakeServer(({ method = "", url = "" }, response) => {
      asked.push(`${method} ${url}`);
      const answer = (): [status: number, body: string] => {
        if (refused && url.includes(refused))
          return [500, JSON.stringify({ error_code: "INTERNAL_ERROR", message: "disk is full" })];
        if (url.includes("mlflow-artifacts/")) return artifact(method);
        if (url === "/health") return [200, "OK"];
        if (url === "/version") return [200, "3.17.2"];
        return [200, JSON.stringify({ experiment_id: "7", run })];
      };
      response.writeHead(answer()[0]).end(answer()[1]);
    });
    return { url, asked };
  }

  it("tell what the server says of an upload, and take away what they made", async () => {
    const { url, asked } = await failing(() => [500, '{"message": "no space left"}']);
    const found = await checked(url);
    expect(found.artifact?.status).toBe("wrong");
    expect(found.artifact?.found).toBe("the upload: status 500: no space left");
    expect(asked).toContain(`DELETE /api/2.0/mlflow-artifacts/artifacts/7/${RUN}`);
    expect(asked).toContain("POST /api/2.0/mlflow/runs/delete");
    expect(asked).toContain("POST /api/2.0/mlflow/experiments/delete");
  });

  it("tell an artifact that comes back as another", async () => {
    const { url } = await failing((method) => [200, method === "GET" ? "other" : "{}"]);
    expect((await checked(url)).artifact?.found).toMatch(
      /^1 MiB with SHA-256 \w{64} went up, 5 bytes with/,
    );
  });

  it("tell a run that comes back without what was logged", async () => {
    const { url } = await failing(() => [200, "{}"]);
    const found = (await checked(url)).run;
    expect(found?.found).toMatch(
      /^logged [\d.]+; read back parameter undefined and metric undefined$/,
    );
  });

  it("tell a database that takes nothing, with the server's words, and skip the artifact", async () => {
    const { url } = await failing(() => [200, "{}"], "experiments/create");
    const found = await checked(url);
    expect(found.run?.found).toBe("experiments/create: status 500: disk is full");
    expect(found.artifact?.found).toBe("there is no run to log it to");
  });

  it("tell what they could not take away", async () => {
    const { url } = await failing(() => [200, "{}"], "experiments/delete");
    expect((await checked(url)).run?.status).toBe("wrong");
  });
});

describe("a URL of the deployment", () => {
  const config = checkConfig(
    smallConfig({
      url: "http://10.0.0.2:8080",
      job: { port: 5000 },
      server: { allowedHosts: ["vpn.lan:81"] },
    }),
    "homelab.config.ts",
  );

  it.each([
    ["http://10.0.0.2:8080", true],
    ["http://mlflow.lan:8080/", true],
    ["http://MLFLOW.lan:5000", true],
    ["http://vpn.lan:81", true],
    ["http://mlflow.lan", false],
    ["https://mlflow.lan:8080", false],
    ["http://10.0.0.3:8080", false],
    ["http://10.0.0.2:8080/other", false],
  ])("is %s: %s", (url, own) => {
    expect(isOfDeployment(new URL(url), config)).toBe(own);
  });
});

describe("versions that go together", () => {
  it.each([
    ["3.17.2", "3.17.2", undefined],
    ["3.17.9", "3.17.2", undefined],
    ["3.9.0", "3.17.2", undefined],
    ["3.18.0", "3.17.2", "newer, it may ask for what the server does not have"],
    ["2.22.0", "3.17.2", "another major version"],
    ["4.0.0rc1", "3.17.2", "another major version"],
  ])("client %s, server %s: %s", (client, server, problem) => {
    expect(whyNot(client, server)).toBe(problem);
  });
});

describe("the place of a run's artifacts", () => {
  it.each([
    ["mlflow-artifacts:/1/abc/artifacts", "https://mlflow.lan:8443/ at /1/abc/artifacts"],
    ["mlflow-artifacts:///1/abc/artifacts/", "https://mlflow.lan:8443/ at /1/abc/artifacts"],
    ["mlflow-artifacts://other:8885/1/abc/artifacts", "https://other:8885/ at /1/abc/artifacts"],
    ["s3://bucket/1/abc/artifacts", undefined],
    ["/mnt/artifacts/1/abc/artifacts", undefined],
  ])("of %s is %s", (uri, told) => {
    const place = placeOf(uri, new URL("https://mlflow.lan:8443"));
    expect(place && `${place.server} at ${place.folder}`).toBe(told);
  });
});
