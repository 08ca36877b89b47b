/** The way of a browser and of a client: the name, the DNS server, Traefik, MLflow. */
import { createHash, randomBytes } from "node:crypto";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { Agent, request } from "undici";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { ask } from "../../dns/question.ts";
import { Checkout } from "../checkout.ts";
import { runningAllocations, settings } from "../deployed.ts";
import { makeAuthority } from "../tls-front.ts";
import { Tracking } from "./tracking.ts";

const NAME = "mlflow.localhost";
const HOST = `${NAME}:${settings.ports.traefik}`;
const dns = { address: "127.0.0.1", port: settings.ports.dns };
const ARTIFACT = "/api/2.0/mlflow-artifacts/artifacts/large.bin";
const MIB = 1024 * 1024;
// More than the 512 MB of the server, and more than the minute after which Traefik's default cuts.
const LARGE_MIB = 700;
const SECONDS = 68;
const patient = new Agent({ headersTimeout: 0, bodyTimeout: 0 });
let checkout: Checkout;

beforeAll(async () => {
  checkout = await Checkout.create("traefik");
  checkout.configure("");
  const { output, exitCode } = await checkout.make("deploy");
  expect(exitCode, output).toBe(0);
  expect(output).toContain(`http://localhost:${settings.ports.traefik}`);
});

afterAll(async () => {
  // deploy.test.ts begins with nothing deployed.
  await checkout?.make("destroy", "YES=1");
});

/** What a target says is shown where it fails. */
async function expectMade(...args: string[]): Promise<void> {
  const { output, exitCode } = await checkout.make(...args);
  expect(exitCode, output).toBe(0);
}

/** Asks Traefik as a client does that was led to it by that name. */
async function asks(path: string, headers: Record<string, string> = {}, body?: string) {
  const answer = await request(`http://127.0.0.1:${settings.ports.traefik}${path}`, {
    method: body ? "POST" : "GET",
    headers: { host: HOST, "content-type": "application/json", ...headers },
    body,
  });
  return { status: answer.statusCode, text: await answer.body.text() };
}

const search = (headers: Record<string, string> = {}) =>
  asks("/api/2.0/mlflow/experiments/search", headers, '{"max_results": 1}');

async function allocations(): Promise<string[]> {
  const running = await runningAllocations();
  return running.map(({ ID, TaskStates }) => `${ID} ${TaskStates?.mlflow_app?.Restarts}`);
}

describe("through Traefik", () => {
  it("the UI opens by name, and its page may send requests", async () => {
    const page = await asks("/");
    expect(page.status).toBe(200);
    expect(page.text).toContain("<title>MLflow</title>");
    expect((await search({ origin: `http://${HOST}` })).status).toBe(200);
  });

  it("other names and other pages are refused", async () => {
    expect(await search({ host: "foreign.example" })).toEqual({
      status: 404,
      text: "404 page not found\n",
    });
    expect((await search({ host: `foreign.${HOST}` })).status).toBe(404);
    expect((await search({ origin: "http://foreign.example" })).status).toBe(403);
  });

  it("an upload of over a minute that is larger than the server's memory arrives whole", async () => {
    const before = await allocations();
    const chunk = randomBytes(MIB);
    const sent = createHash("sha256");
    const start = Date.now();
    async function* slowly() {
      for (let index = 0; index < LARGE_MIB; index++) {
        chunk.writeUInt32BE(index);
        sent.update(chunk);
        yield Buffer.from(chunk);
        await sleep(Math.max(0, start + ((index + 1) * SECONDS * 1000) / LARGE_MIB - Date.now()));
      }
    }
    const url = `http://127.0.0.1:${settings.ports.traefik}${ARTIFACT}`;
    const headers = { host: HOST };
    const put = await request(url, {
      method: "PUT",
      headers: { ...headers, "content-length": String(LARGE_MIB * MIB) },
      body: Readable.from(slowly()),
      dispatcher: patient,
    });
    await put.body.dump();
    expect(put.statusCode).toBe(200);
    expect(Date.now() - start).toBeGreaterThan(60_000);

    const got = createHash("sha256");
    const { body } = await request(url, { headers, dispatcher: patient });
    for await (const part of body) got.update(part);
    expect(got.digest("hex")).toBe(sent.digest("hex"));
    expect(await allocations()).toEqual(before);
    await (await request(url, { method: "DELETE", headers })).body.dump();
  });

  it("a login and a list of addresses are asked for where the config says so, and the deploy passes its check with them", async () => {
    const usersFile = join(settings.dir, "mlflow.htpasswd");
    const hash = (password: string) => createHash("sha1").update(password).digest("base64");
    writeFileSync(usersFile, `ada:{SHA}${hash("secret of a test")}\n`);
    const env = { MLFLOW_TRACKING_USERNAME: "ada", MLFLOW_TRACKING_PASSWORD: "secret of a test" };
    Object.assign(process.env, env);
    try {
      checkout.configure(
        `traefik: { basicAuth: { usersFile: ${JSON.stringify(usersFile)} }, ipAllowList: ["127.0.0.0/8"], entryPoints: ["web"] }`,
      );
      const { output, exitCode } = await checkout.make("deploy");
      expect(exitCode, output).toBe(0);
    } finally {
      for (const name of Object.keys(env)) delete process.env[name];
    }
    const login = (text: string) => ({
      authorization: `Basic ${Buffer.from(text).toString("base64")}`,
    });
    expect((await search()).status).toBe(401);
    expect((await search(login("ada:wrong"))).status).toBe(401);
    expect((await search(login("ada:secret of a test"))).status).toBe(200);
  });

  it("https ends there, with a certificate that clients verify, and the deploy passes its check by it", async () => {
    const authority = await makeAuthority();
    const { certificate, key } = await authority.issue("DNS:localhost");
    const own = join(settings.traefik.dynamicDir, "test.yml");
    writeFileSync(
      own,
      stringify({ tls: { certificates: [{ certFile: certificate, keyFile: key }] } }),
    );
    const url = `https://localhost:${settings.ports.traefik}`;
    checkout.configure(`url: "${url}", traefik: { tls: true, entryPoints: ["web"] }`);
    try {
      const untrusted = await checkout.make("deploy");
      expect(untrusted.exitCode).not.toBe(0);
      expect(untrusted.output).toContain(
        "set NODE_EXTRA_CA_CERTS to the certificate of its authority",
      );
      process.env.NODE_EXTRA_CA_CERTS = authority.certificate;
      const { output, exitCode } = await checkout.make("deploy");
      expect(exitCode, output).toBe(0);
      expect(output).toContain(url);
      const trusting = { MLFLOW_TRACKING_SERVER_CERT_PATH: authority.certificate };
      const tracking = new Tracking(url, trusting);
      await tracking.expectThere(await tracking.log(`https-${Date.now()}`));
      expect((await checkout.homelab(["doctor"], { env: trusting })).output).toContain(
        "All is well.",
      );
      const { stderr } = await new Tracking(url).start(["log", "x"]);
      expect(stderr).toContain("CERTIFICATE_VERIFY_FAILED");
      // Nothing answers by http any more.
      expect((await asks("/health")).status).toBe(404);
    } finally {
      delete process.env.NODE_EXTRA_CA_CERTS;
      rmSync(own);
    }
  });

  it("an address that is not let in is told of by the check", async () => {
    checkout.configure('traefik: { ipAllowList: ["10.255.255.0/24"] }');
    const { output, exitCode } = await checkout.make("deploy");
    expect(exitCode).not.toBe(0);
    expect(output).toContain(
      `error: http://localhost:${settings.ports.traefik}/health: expected 200, found status 403; let this machine in with traefik.ipAllowList`,
    );
    checkout.configure("");
    await expectMade("deploy");
  });
});

describe("the DNS record", () => {
  it("is answered after a deploy, and no longer when the config wants none", async () => {
    expect(await ask(dns, NAME)).toEqual({ cname: "localhost", addresses: ["127.0.0.1"] });
    checkout.configure('dns: { provider: "none" }');
    await expectMade("deploy");
    expect(await ask(dns, NAME)).toEqual({ addresses: [] });
    checkout.configure("");
    await expectMade("deploy");
    expect(await ask(dns, NAME)).toMatchObject({ cname: "localhost" });
  });

  it("and the router are gone after a destroy", async () => {
    await expectMade("destroy", "YES=1");
    expect(await ask(dns, NAME)).toEqual({ addresses: [] });
    await expect.poll(async () => (await asks("/health")).status, { timeout: 20_000 }).toBe(404);
  });
});
