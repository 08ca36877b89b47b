/** Every mode, each deployed to the lab, and used by MLflow's own client as its users would. */
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { DeploymentStatus } from "../../status/render.ts";
import { Checkout } from "../checkout.ts";
import { dockerHost } from "../deployed.ts";
import { type Logged, Tracking } from "../e2e/tracking.ts";
import { type Stores, startMysql, startStores, stopStores } from "../stores.ts";
import { type Authority, makeAuthority } from "../tls-front.ts";
import { ADMIN_PASSWORD, CERTIFICATE, LOGIN, MODES, NAME } from "./modes.ts";

let stores: Stores;
let checkout: Checkout;
let authority: Authority;

beforeAll(async () => {
  stores = await startStores(NAME);
  await startMysql(NAME);
  process.env[LOGIN.password] = ADMIN_PASSWORD;
  process.env[LOGIN.secretKey] = "0f1e2d3c4b5a69788796a5b4c3d2e1f0";
  authority = await makeAuthority();
  const { certificate, key } = await authority.issue("DNS:localhost");
  process.env[CERTIFICATE.certificate] = certificate;
  process.env[CERTIFICATE.key] = key;
  // The deploy's check verifies it, as any client does.
  process.env.NODE_EXTRA_CA_CERTS = authority.certificate;
  checkout = await Checkout.create("modes-matrix");
});

afterAll(async () => {
  await stopStores();
});

/** Names of containers in which a server runs. */
async function serversLeft(): Promise<string[]> {
  const args = ["ps", "--format", "{{.Names}}", "--filter", "name=^mlflow_"];
  const { stdout } = await execa("docker", args, { env: { DOCKER_HOST: dockerHost } });
  return stdout.split("\n").filter((each) => each !== "");
}

describe.each(MODES.map((mode) => [mode.title, mode] as const))("%s", (title, mode) => {
  const { config, client } = mode;
  /** The client's environment: what `homelab env` gives it, and what it has of its own. */
  let env: Record<string, string>;
  let tracking: Tracking;
  let logged: Logged;

  // Whatever becomes of it, the next mode begins with nothing deployed: it has other stores, and may
  // restart the client's agent at once.
  afterAll(async () => {
    const { output, exitCode } = await checkout.make("destroy", "YES=1");
    expect(exitCode, output).toBe(0);
    expect(await serversLeft()).toEqual([]);
  });

  it("is deployed, and checked from outside", async () => {
    checkout.configure(JSON.stringify(config(stores)).slice(1, -1));
    const { output, exitCode } = await checkout.make("deploy");
    expect(output).toContain("MLflow is up, and was checked from outside.");
    expect(exitCode).toBe(0);
    const { stdout } = await checkout.homelab(["env", "--json"]);
    env = { ...JSON.parse(stdout).variables, ...client };
    if (env.MLFLOW_TRACKING_URI?.startsWith("https:"))
      env.MLFLOW_TRACKING_SERVER_CERT_PATH = authority.certificate;
    tracking = new Tracking(env.MLFLOW_TRACKING_URI ?? "", env);
  });

  it("gives back params, metrics, a 50 MB artifact and a model version as they were logged", async ({
    task,
  }) => {
    logged = await tracking.log(`${title}-${Date.now()}`);
    const seconds = await tracking.expectThere(logged);
    const rate = (took: number) => `${Math.round(50 / took)} MB/s`;
    task.meta.measured = {
      [`${title}: 50 MB up`]: rate(logged.seconds),
      [`${title}: 50 MB down`]: rate(seconds),
    };
  });

  it("finds runs and model versions, and no longer what was deleted until it is restored", async () => {
    const there = { runs: [logged.run], versions: [logged.version], experiment: "active" };
    expect(await tracking.client("search", logged.run, logged.model)).toEqual(there);
    await tracking.client("delete", logged.run);
    expect(await tracking.client("search", logged.run, logged.model)).toEqual({
      ...there,
      runs: [],
      experiment: "deleted",
    });
    await tracking.client("restore", logged.run);
    expect(await tracking.client("search", logged.run, logged.model)).toEqual(there);
    await tracking.expectThere(logged);
  });

  it("is well to the doctor, and stays within its memory", async ({ task }) => {
    const { output } = await checkout.homelab(["doctor"], { env });
    expect(output).toContain("All is well.");
    expect(output).toMatch(/^ok +artifact /m);
    const { stdout } = await checkout.homelab(["status", "--json"]);
    const { job } = JSON.parse(stdout) as DeploymentStatus;
    expect(job.healthy).toBe(true);
    const memory = job.allocations.map(
      ({ group, memory: { used = Number.NaN, limit }, restarts }) => {
        expect(restarts).toBe(0);
        expect(used).toBeLessThan(limit);
        return [`${title}: memory of ${group} afterwards`, `${used} of ${limit} MiB`];
      },
    );
    task.meta.measured = Object.fromEntries(memory);
  });
});
