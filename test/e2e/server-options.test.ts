/** MLflow below a path, with metrics for Prometheus and an option of mlflow server's own. */
import { createHash } from "node:crypto";
import { createReadStream, rmSync } from "node:fs";
import { mkdtemp, open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { addressOf } from "../../nomad/address.ts";
import type { NomadAllocationDetail } from "../../nomad/types.ts";
import { Checkout } from "../checkout.ts";
import { nomad, url as origin, runningAllocations } from "../deployed.ts";
import { isLate } from "../time-left.ts";
import { Tracking } from "./tracking.ts";

const late = isLate("path, metrics and further options");

const url = `${origin}/ml/flow`;
/** More than the server's memory. */
const LARGE = 700 * 1024 * 1024;

let checkout: Checkout;
let output: string;

beforeAll(async () => {
  checkout = await Checkout.create("server-options");
  // Without a port of ours: Nomad picks one, and Prometheus has to find it.
  checkout.configure(`
    job: { healthyDeadline: 600 },
    server: { staticPrefix: "/ml/flow", prometheus: true, extraArgs: ["--x-frame-options=DENY"] },`);
  const deploy = await checkout.make("deploy");
  expect(deploy.exitCode, deploy.output).toBe(0);
  output = deploy.output;
});

afterAll(async () => {
  await checkout?.make("destroy", "YES=1");
});

async function running(): Promise<NomadAllocationDetail> {
  const [found] = await runningAllocations();
  const detail = await nomad.get<NomadAllocationDetail>(`/allocation/${found?.ID}`);
  if (!detail) throw new Error("no allocation runs");
  return detail;
}

async function search(base = url): Promise<Response> {
  return fetch(`${base}/api/2.0/mlflow/experiments/search`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: '{"max_results": 1}',
  });
}

describe.skipIf(late)("MLflow below a path", () => {
  it("is deployed, checked and told of there", async () => {
    expect(output).toContain("MLflow is up, and was checked from outside.");
    expect(output).toContain(`export MLFLOW_TRACKING_URI=${url}`);
    expect((await checkout.homelab(["status"])).output).toContain(url);
    expect((await checkout.homelab(["env", "--shell", "sh"])).output).toBe(
      `export MLFLOW_TRACKING_URI=${url}`,
    );
  });

  it("serves its page there, and leaves the rest of the name to others", async () => {
    const page = await fetch(url);
    expect(page.url).toBe(`${url}/`);
    expect(await page.text()).toContain("static-files/");
    expect((await search()).status).toBe(200);
    for (const base of [origin, `${url}ing`, `${origin}/ml`])
      expect((await search(base)).status, base).toBe(404);
  });

  it("takes runs and artifacts of MLflow's client", async () => {
    const tracking = new Tracking(url);
    await tracking.expectThere(await tracking.log("below-a-path"));
  });

  it("streams artifacts larger than its memory, both ways", async () => {
    const before = await running();
    const folder = await mkdtemp(join(tmpdir(), "homelab-large-"));
    const [sent, received] = [join(folder, "sent"), join(folder, "received")];
    const file = await open(sent, "w");
    await file.write("not only zeros");
    await file.truncate(LARGE);
    await file.close();
    const at = `${url}/api/2.0/mlflow-artifacts/artifacts/large.bin`;
    await execa("curl", ["--fail", "--silent", "--show-error", "--upload-file", sent, at]);
    await execa("curl", ["--fail", "--silent", "--show-error", "--output", received, at]);
    const same = (await sha256(received)) === (await sha256(sent));
    rmSync(folder, { recursive: true });
    await fetch(at, { method: "DELETE" });
    expect(same).toBe(true);
    const after = await running();
    expect(after.ID).toBe(before.ID);
    expect(Object.values(after.TaskStates ?? {}).map(({ Restarts }) => Restarts)).toEqual([0]);
  });

  it("is well for the doctor, who names the path to a client that leaves it out", async () => {
    const { output, exitCode } = await checkout.homelab(["doctor"]);
    expect(exitCode, output).toBe(0);
    process.env.MLFLOW_TRACKING_URI = origin;
    const without = await checkout.homelab(["doctor"]);
    delete process.env.MLFLOW_TRACKING_URI;
    expect(without.output).toContain(`which is none of this deployment's; set it to ${url}`);
  });

  it("answers with the header that an extra option is about", async () => {
    expect((await search()).headers.get("x-frame-options")).toBe("DENY");
  });
});

describe.skipIf(late)("the metrics", () => {
  /** Requests that were counted, by all workers; Nomad's own are no POST. */
  async function counted(): Promise<number> {
    const metrics = await fetch(`${addressOf(await running())}/metrics`);
    expect(metrics.status).toBe(200);
    const lines = (await metrics.text()).split("\n");
    const counts = lines.filter((line) =>
      line.startsWith('mlflow_http_request_total{method="POST",status="200"}'),
    );
    return counts.reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
  }

  it("are scraped by the client's address and port, and add up over the workers", async () => {
    const before = await counted();
    for (let asked = 0; asked < 40; asked++) await search();
    expect((await counted()) - before).toBe(40);
  });

  it("are for nobody who asks by another name", async () => {
    const port = new URL(addressOf(await running()) ?? "").port;
    const asked = await execa("curl", [
      ...["--silent", "--output", "/dev/null", "--write-out", "%{http_code}"],
      ...["--header", "Host: foreign.example", `http://127.0.0.1:${port}/metrics`],
    ]);
    expect(asked.stdout).toBe("403");
  });
});

async function sha256(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path)) hash.update(chunk);
  return hash.digest("hex");
}
