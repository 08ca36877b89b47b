/** A server for artifacts alone beside the one for runs, by path and by hostname. */
import { createHash } from "node:crypto";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { addressOf } from "../../nomad/address.ts";
import type { NomadAllocation, NomadAllocationDetail } from "../../nomad/types.ts";
import { Checkout } from "../checkout.ts";
import { url as local, nomad, runningAllocations, settings, variables } from "../deployed.ts";
import { inPostgresql, inS3, type Stores, startStores, stopStores } from "../stores.ts";
import { isLate } from "../time-left.ts";
import { type Logged, Tracking } from "./tracking.ts";

const late = isLate("a server for artifacts alone");

const port = settings.ports.traefik;
let stores: Stores;
let checkout: Checkout;
/** What clients and containers both reach. */
let url: string;
let logged: Logged;

beforeAll(async () => {
  stores = await startStores("tandem");
  url = `http://${stores.bridge}:${port}`;
  checkout = await Checkout.create("tandem");
  // What the file before has left would have to be replaced.
  await checkout.make("destroy", "YES=1");
});

afterAll(async () => {
  await checkout?.make("destroy", "YES=1");
  await stopStores();
});

function configure(artifactsServer: object | undefined, more: object = {}): void {
  const config = {
    storage: {
      backendStore: inPostgresql(),
      artifacts: inS3("tandem", stores.endpoint),
      artifactsServer,
    },
    volumes: {},
    job: { healthyDeadline: 600 },
    ...more,
  };
  checkout.configure(JSON.stringify(config).slice(1, -1));
}

const atBridge = () => ({ url, hostname: stores.bridge, dns: { provider: "none" } });

async function deploy(): Promise<string> {
  const { output, exitCode } = await checkout.make("deploy");
  expect(exitCode, output).toBe(0);
  return output;
}

/** The allocations of a group that run. */
async function allocations(group: string): Promise<NomadAllocation[]> {
  return (await runningAllocations()).filter(({ TaskGroup }) => TaskGroup === group);
}

async function addressOfGroup(group: string): Promise<string> {
  const [first] = await allocations(group);
  const detail = await nomad.get<NomadAllocationDetail>(`/allocation/${first?.ID}`);
  return (detail && addressOf(detail)) ?? "";
}

/** A request to a server at the address that Nomad gave it, by a name it knows. */
async function direct(group: string, path: string, method: string): Promise<string> {
  const { stdout } = await execa("curl", [
    ...["-s", "-w", "\n%{http_code}", "-X", method, "-d", "{}", "-H", `Host: ${new URL(url).host}`],
    ...["-H", "Content-Type: application/json", `${await addressOfGroup(group)}${path}`],
  ]);
  return stdout;
}

async function homelab(...args: string[]): Promise<string> {
  return (await checkout.homelab(args, { env: { MLFLOW_TRACKING_URI: url } })).stdout;
}

describe.skipIf(late)("a server for artifacts beside the one for runs, by path", () => {
  it("is deployed, checked from outside, and what a client logs comes back", async () => {
    configure({ route: "path" }, atBridge());
    expect(await deploy()).toContain("MLflow is up, and was checked from outside.");
    logged = await new Tracking(url).log("tandem-by-path");
    expect(logged.artifacts).toMatch(/^mlflow-artifacts:\/\d/);
    await new Tracking(url).expectThere(logged);
  });

  it("answers other endpoints with MLflow's own words, and the one for runs carries no artifacts", async () => {
    const runs = await direct("artifacts", "/api/2.0/mlflow/experiments/search", "POST");
    expect(runs).toContain(
      "Endpoint: /api/2.0/mlflow/experiments/search disabled due to the mlflow server running in `--artifacts-only` mode",
    );
    expect(runs).toMatch(/\n503$/);
    const put = await direct("svc", "/api/2.0/mlflow-artifacts/artifacts/x", "PUT");
    expect(put).toContain("Artifact serving is disabled");
    expect(put).toMatch(/\n503$/);
  });

  it("shows artifacts in the UI, which asks the server for runs", async () => {
    const listed = await fetch(
      `${url}/ajax-api/2.0/mlflow/artifacts/list?run_id=${logged.run}&path=model`,
    );
    expect(await listed.json()).toMatchObject({ files: [{ path: "model/weights.bin" }] });
    const got = await fetch(
      `${url}/get-artifact?run_uuid=${logged.run}&path=${encodeURIComponent("model/weights.bin")}`,
    );
    const hash = createHash("sha256").update(Buffer.from(await got.arrayBuffer()));
    expect(hash.digest("hex")).toBe(logged.sha256);
  });

  it("is well to the doctor, and on the screen of status", async () => {
    expect(await homelab("doctor")).toContain("1 MiB went up and down through the server");
    expect(await homelab("doctor")).toContain("All is well.");
    const shown = await homelab("status");
    expect(shown).toMatch(/allocation +\w{8} \(svc\) on .*: healthy/);
    expect(shown).toMatch(/allocation +\w{8} \(artifacts\) on .*: healthy/);
  });

  it("keeps secrets apart: no task has the other's", async () => {
    const items = async (task: string) =>
      JSON.stringify(await nomad.get(`/var/nomad/jobs/mlflow/${task}`));
    expect(await items("svc/mlflow_app")).toContain("MLFLOW_BACKEND_STORE_URI");
    expect(await items("svc/mlflow_app")).not.toContain("AWS_");
    expect(await items("artifacts/mlflow_artifacts")).toContain("AWS_SECRET_ACCESS_KEY");
    expect(await items("artifacts/mlflow_artifacts")).not.toContain("MLFLOW_BACKEND_STORE_URI");
  });

  it("is scaled apart: the server for runs stays as it is", async () => {
    const before = await allocations("svc");
    configure({ route: "path", count: 2 }, atBridge());
    await deploy();
    expect(await allocations("artifacts")).toHaveLength(2);
    expect((await allocations("svc")).map(({ ID }) => ID)).toEqual(before.map(({ ID }) => ID));
    await new Tracking(url).expectThere(logged);
  });
});

describe.skipIf(late)("a server for artifacts with a hostname of its own", () => {
  it("is named by new experiments, and those of before find theirs", async () => {
    configure({ route: "hostname", hostname: stores.bridge });
    await deploy();
    const tracking = new Tracking(local);
    const named = await tracking.log("tandem-by-hostname");
    expect(named.artifacts).toMatch(`mlflow-artifacts://${stores.bridge}:${port}/`);
    await tracking.expectThere(named);
    await tracking.expectThere(logged);
    const listed = await fetch(`${local}/ajax-api/2.0/mlflow/artifacts/list?run_id=${named.run}`);
    expect(JSON.stringify(await listed.json())).toContain("model");
    const runs = await fetch(`${url}/api/2.0/mlflow/experiments/search`, { method: "POST" });
    expect(runs.status).toBe(503);
    expect(await runs.text()).toContain("--artifacts-only");
  });
});

describe.skipIf(late)("a tandem whose url the containers don't reach", () => {
  it("is told of, as its UI shows no artifacts", async () => {
    configure({ route: "path" });
    const { output, exitCode } = await checkout.make("deploy");
    expect(output).toContain(
      `error: the server for runs at ${local}: found status 500 where its UI shows artifacts`,
    );
    expect(output).toContain("set MLFLOW_TRACKING_URI in server.env to what they reach");
    expect(exitCode).not.toBe(0);
  });

  it("goes back to one server with all artifacts that were sent by path, and a destroy leaves no secret", async () => {
    configure(undefined);
    await deploy();
    expect(await allocations("artifacts")).toEqual([]);
    await new Tracking(local).expectThere(logged);
    expect(await nomad.get("/var/nomad/jobs/mlflow/artifacts/mlflow_artifacts")).toBeUndefined();
    expect((await checkout.make("destroy", "YES=1")).exitCode).toBe(0);
    expect(await variables()).toEqual([]);
  });
});
