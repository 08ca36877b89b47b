/** What breaks under a server: the bucket, the disk, one server of two, and too few connections. */
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { stopServer } from "../../lab/servers.ts";
import { pidFile } from "../../lab/settings.ts";
import { Checkout } from "../checkout.ts";
import { dockerHost, runningAllocations, settings, url } from "../deployed.ts";
import {
  inPostgresql,
  inS3,
  type Stores,
  sql,
  startS3,
  startStores,
  stopStores,
} from "../stores.ts";
import { isLate } from "../time-left.ts";
import { Tracking, until } from "./tracking.ts";

const late = isLate("what breaks under a server");

/** Tries again as MLflow's client does by default, but not for as long. */
const tracking = new Tracking(url, { MLFLOW_HTTP_REQUEST_MAX_RETRIES: "3" });
const NAME = "faults";
/** Two servers with two workers, each with two pools of two, and twice as many in an update. */
const CONNECTIONS = 32;
let stores: Stores;
let checkout: Checkout;

beforeAll(async () => {
  stores = await startStores(NAME);
  checkout = await Checkout.create(NAME);
  // What the file before has left would have to be replaced.
  await checkout.make("destroy", "YES=1");
});

afterAll(async () => {
  await checkout?.make("destroy", "YES=1");
  await stopStores();
});

async function deploy(config: object): Promise<void> {
  checkout.configure(JSON.stringify(config).slice(1, -1));
  const { output, exitCode } = await checkout.make("deploy");
  expect(exitCode, output).toBe(0);
}

async function post(path: string, body: object) {
  const answer = await fetch(`${url}/api/2.0/mlflow/${path}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(60_000),
  });
  return { status: answer.status, body: await answer.json().catch(() => ({})) };
}

/** The one run of an experiment. */
async function runOf(name: string): Promise<string> {
  const found = await fetch(
    `${url}/api/2.0/mlflow/experiments/get-by-name?experiment_name=${name}`,
  );
  const { experiment } = (await found.json()) as { experiment: { experiment_id: string } };
  const { body } = await post("runs/search", { experiment_ids: [experiment.experiment_id] });
  const { runs } = body as { runs: { info: { run_id: string } }[] };
  return runs[0]?.info.run_id ?? "";
}

/** Names of what the UI lists in a run's folder. */
async function listed(run: string, path = "model"): Promise<string[]> {
  const answer = await fetch(`${url}/api/2.0/mlflow/artifacts/list?run_id=${run}&path=${path}`);
  expect(answer.status).toBe(200);
  const { files = [] } = (await answer.json()) as { files?: { path: string }[] };
  return files.map((each) => each.path);
}

/** Files of the S3 server, parts of uploads that are under way among them. */
function inBucket(): string[] {
  const entries = readdirSync(join(settings.s3.dataDir, NAME), {
    recursive: true,
    withFileTypes: true,
  });
  const files = entries.filter((each) => each.isFile());
  return files.map((each) => join(each.parentPath, each.name)).sort();
}

const isPart = (file: string) => /multipart.*\/\d+$/.test(file);

function killS3(): void {
  const { pid } = JSON.parse(readFileSync(pidFile(settings, "versitygw"), "utf8"));
  process.kill(pid, "SIGKILL");
}

describe.skipIf(late)("two servers on PostgreSQL and S3", () => {
  it("answer more clients than there are connections, and open no more than they may", async () => {
    await deploy({
      storage: {
        backendStore: inPostgresql({ connections: CONNECTIONS }),
        artifacts: inS3(NAME, stores.endpoint),
      },
      volumes: {},
      job: { count: 2, healthyDeadline: 600 },
    });
    // Half of them are for the servers of an update: with these two all of the database's are taken.
    await sql(`ALTER ROLE ${NAME} CONNECTION LIMIT ${CONNECTIONS / 2}`);
    const most: number[] = [];
    const end = Date.now() + 10_000;
    const statuses = new Set<number>();
    const ask = async () => {
      while (Date.now() < end)
        statuses.add((await post("experiments/search", { max_results: 10 })).status);
    };
    const watch = async () => {
      while (Date.now() < end) {
        const count = `SELECT count(*) FROM pg_stat_activity WHERE usename = '${NAME}'`;
        most.push(Number(await sql(count)));
        await sleep(200);
      }
    };
    await Promise.all([watch(), ...Array.from({ length: 48 }, ask)]);
    await sql(`ALTER ROLE ${NAME} CONNECTION LIMIT -1`);
    expect([...statuses]).toEqual([200]);
    expect(Math.max(...most)).toBeLessThanOrEqual(CONNECTIONS / 2);
    expect(Math.max(...most)).toBeGreaterThan(2);
  });

  it("go on when one of them is killed, and a client that tries again loses nothing", async () => {
    const { run } = await tracking.log("killed");
    const logging = tracking.start(["go-on", run, "20"]);
    await sleep(4_000);
    const [victim] = await runningAllocations();
    const failed: number[] = [];
    let answered = 0;
    const killed = Date.now();
    await execa("docker", ["kill", "--signal=KILL", `mlflow_app-${victim?.ID}`], {
      env: { DOCKER_HOST: dockerHost },
    });
    while (Date.now() < killed + 12_000) {
      const { status } = await post("experiments/search", { max_results: 1 }).catch(() => ({
        status: 0,
      }));
      if (status === 200) answered++;
      else failed.push(Date.now() - killed);
    }
    const { stdout, stderr, exitCode } = await logging;
    expect(exitCode, stderr).toBe(0);
    const { logged, kept } = JSON.parse(stdout.split("\n").at(-1) ?? "");
    expect(kept).toBeGreaterThanOrEqual(logged);
    expect(answered).toBeGreaterThan(50);
    // Until Traefik has asked the dead one for its health.
    expect(Math.max(0, ...failed)).toBeLessThan(5_000);
    await until("both run", 90, async () => (await runningAllocations()).length === 2);
  });

  it("tell a client of a bucket that goes away during an upload, and list nothing half", async () => {
    const upload = tracking.start(["log", "cut-off"], { ARTIFACT_MIB: "300" });
    await until("the first parts are there", 120, () => inBucket().filter(isPart).length > 1);
    killS3();
    const { exitCode, stderr } = await upload;
    expect(exitCode).not.toBe(0);
    expect(stderr).toMatch(/MlflowException|HTTPError|API request/);
    expect((await post("experiments/search", { max_results: 1 })).status).toBe(200);
    await stopServer(settings, "versitygw");
    await startS3(NAME);
    const run = await runOf("cut-off");
    expect(await listed(run)).toEqual([]);
    const again = await tracking.log("after-it");
    await tracking.expectThere(again);
    expect(await listed(again.run)).toEqual(["model/weights.bin"]);
  });

  it("keep what was there when a client goes away in the middle of an upload", async () => {
    const artifact = `${url}/api/2.0/mlflow-artifacts/artifacts/broken-off.bin`;
    expect((await fetch(artifact, { method: "PUT", body: "earlier" })).status).toBe(200);
    const before = inBucket();
    const headers = { "content-length": 200_000_000 };
    const upload = request(artifact, { method: "PUT", headers }).on("error", () => {});
    upload.write(Buffer.alloc(50_000_000));
    const parts = () => inBucket().filter((each) => isPart(each) && !before.includes(each));
    await until("the first parts are there", 60, () => parts().length > 1);
    upload.destroy();
    await until("the upload is aborted", 60, () => parts().length === 0);
    expect(inBucket()).toEqual(before);
    expect(await (await fetch(artifact)).text()).toBe("earlier");
  });

  it("let a client know of a download that the bucket did not finish", async () => {
    const artifact = `${url}/api/2.0/mlflow-artifacts/artifacts/cut-short.bin`;
    const body = Buffer.alloc(200_000_000);
    expect((await fetch(artifact, { method: "PUT", body })).status).toBe(200);
    const answer = await fetch(artifact);
    expect(answer.headers.get("content-length")).toBe(`${body.length}`);
    const reader = answer.body?.getReader();
    await reader?.read();
    killS3();
    const rest = async () => {
      while (!(await reader?.read())?.done);
    };
    await expect(rest()).rejects.toThrow();
    await stopServer(settings, "versitygw");
    await startS3(NAME);
    expect((await (await fetch(artifact)).arrayBuffer()).byteLength).toBe(body.length);
  });
});

describe.skipIf(late)("a volume for artifacts that is full", () => {
  const directory = join(settings.dir, "small-disk");

  beforeAll(async () => {
    expect((await checkout.make("destroy", "YES=1")).exitCode).toBe(0);
    mkdirSync(directory, { recursive: true });
    await execa("mount", ["-t", "tmpfs", "-o", "size=80m", "tmpfs", directory]);
    await deploy({
      volumes: {
        backendStore: { source: { directory: settings.volumes.backendStore } },
        artifacts: { source: { directory } },
      },
    });
  });

  afterAll(async () => {
    await checkout.make("destroy", "YES=1");
    await execa("umount", [directory]);
  });

  it("is told to the client, lists nothing half, and lets runs go on", async () => {
    const first = await tracking.log("before-full");
    const { exitCode, stderr } = await tracking.start(["log", "full"]);
    expect(exitCode).not.toBe(0);
    expect(stderr).toMatch(/MlflowException|HTTPError|API request/);
    const run = await runOf("full");
    expect(await listed(run)).toEqual([]);
    const left = readdirSync(directory, { recursive: true }).map(String);
    expect(left.filter((each) => each.includes(run) && /weights|uploading/.test(each))).toEqual([]);
    expect(await tracking.client("go-on", run, "1")).toMatchObject({ kept: expect.any(Number) });
    await tracking.expectThere(first);
    expect(existsSync(join(directory, ".homelab-volume"))).toBe(true);
  });
});
