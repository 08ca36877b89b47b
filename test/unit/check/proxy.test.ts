import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it, vi } from "vitest";
import { login, whyUnhealthy } from "../../../check/client.ts";
import { checkService } from "../../../check/service.ts";
import type { CheckSpec } from "../../../check/spec.ts";

const closing: (() => void)[] = [];
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllEnvs();
  for (const close of closing.splice(0)) close();
});

/** A proxy that answers everything with one page. */
async function proxy(status: number, page: string): Promise<{ port: number; asked: string[] }> {
  const asked: string[] = [];
  const server = createServer(({ headers }, response) => {
    asked.push(`${headers.host} ${headers.authorization ?? "without a login"}`);
    response.writeHead(status).end(page);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closing.push(() => server.close());
  return { port: (server.address() as AddressInfo).port, asked };
}

function spec(port: number, more: Partial<CheckSpec> = {}): CheckSpec {
  return {
    nomad: { region: "global", namespace: "ml" },
    job: "mlflow",
    hostname: "mlflow.lan",
    url: `http://mlflow.lan:${port}`,
    through: "url",
    artifacts: "proxied",
    traefik: "nomad",
    mlflowVersion: "3.17.2",
    deadline: 60,
    ...more,
  };
}

/** What the check says when its patience is over. */
async function told(checked: CheckSpec): Promise<string> {
  vi.useFakeTimers({ toFake: ["Date"] });
  const result = checkService(checked, checked.url, "127.0.0.1").catch((error) => error.message);
  vi.setSystemTime(Date.now() + 60_000);
  return String(await result);
}

describe("a proxy that does not serve", () => {
  it.each([
    [
      404,
      "404 page not found\n",
      /^http:\/\/mlflow\.lan:\d+\/health: expected 200, found status 404; Traefik has no router for mlflow\.lan:\d+: let its providers\.nomad see this Nomad and namespace "ml", and name the entry point of port \d+ in traefik\.entryPoints; Traefik's log tells what it can't use \(or set check\.through to "allocation"\)$/,
    ],
    [404, "another page", /is the proxy running, and does it know the service\?/],
    [401, "401 Unauthorized\n", /set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD/],
    [403, "Forbidden", /let this machine in with traefik\.ipAllowList/],
    [502, "Bad Gateway", /Traefik can't reach the Nomad client/],
  ])("with %d %j is told of with what to do", async (status, page, line) => {
    const { port } = await proxy(status, page);
    expect(await told(spec(port))).toMatch(line);
  });

  it("is told of with Consul, where the service is registered there", async () => {
    const { port } = await proxy(404, "404 page not found\n");
    expect(await told(spec(port, { traefik: "consulCatalog" }))).toContain(
      "let its providers.consulCatalog see the Consul of this Nomad, and name",
    );
  });

  it("is not taken for Traefik where Traefik was told nothing", async () => {
    const { port } = await proxy(404, "404 page not found\n");
    expect(await told(spec(port, { traefik: undefined }))).toMatch(/is the proxy running/);
  });
});

describe("a request of the check", () => {
  it("goes to the address that the DNS server told, with the name as its host", async () => {
    const { port, asked } = await proxy(403, "Forbidden");
    await told(spec(port));
    expect(asked[0]).toBe(`mlflow.lan:${port} without a login`);
  });

  it("carries the login of MLflow's client, when there is one", async () => {
    vi.stubEnv("MLFLOW_TRACKING_USERNAME", "ada");
    expect(login()).toEqual({});
    vi.stubEnv("MLFLOW_TRACKING_PASSWORD", "pass word");
    const { port, asked } = await proxy(200, "OK");
    expect(await whyUnhealthy(`http://127.0.0.1:${port}`)).toBeUndefined();
    const sent = Buffer.from("ada:pass word").toString("base64");
    expect(asked).toEqual([`127.0.0.1:${port} Basic ${sent}`]);
  });

  it("tells why there is no answer", async () => {
    expect(await whyUnhealthy("http://127.0.0.1:1")).toBe("connection refused");
    const dns = {
      server: { address: "127.0.0.1", port: 1 },
      name: "mlflow.lan",
      target: "10.0.0.2",
    };
    expect(await whyUnhealthy("http://mlflow.lan", dns)).toBe(
      "DNS server at 127.0.0.1:1: connection refused; start it, or correct dns",
    );
  });
});
