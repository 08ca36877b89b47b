/** Sidecars of sweeps, and the MLflow that lives with one, on the lab's Nomad. */
import { once } from "node:events";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";
import { chromium } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { dockerCommand } from "../../cli/docker-command.ts";
import { ROOT } from "../../config/load.ts";
import { onPath } from "../../lab/on-path.ts";
import type { NomadAllocation, NomadJob, NomadNode } from "../../nomad/types.ts";
import type { SweepStatus, TaskStatus } from "../../sweep/gather.ts";
import { Checkout } from "../checkout.ts";
import { dockerHost, nomad, settings, url } from "../deployed.ts";
import { isLate } from "../time-left.ts";

const late = isLate("sidecars of sweeps");
const PATIENCE_S = 180;

/** The document's image has uv, which would ask a registry; ours has MLflow, and no entrypoint either. */
const IMAGE = `127.0.0.1:${settings.ports.registry}/sidecar:1`;
const SPEC = `mlflow:
  image: ${IMAGE}
  command: mlflow server --host 0.0.0.0 --port 5000
    --backend-store-uri file:///scratch/filestores/mlflow-data
  ports:
    - 5000
  filestores:
    - name: mlflow-data
`;
/** Smaller, and where a retry finds it again. */
const KEPT = `mlflow:
  image: ${IMAGE}
  command: mlflow server --host 0.0.0.0 --port 5000 --workers 1
    --backend-store-uri sqlite:////alloc/data/mlflow.db
  ports: [5000]
  memory: 700
`;
const HEADER = `# COILED env MLFLOW_TRACKING_URI=http://coiled-scheduler:5000
# COILED env MLFLOW_TRACKING_USERNAME=alex
`;
/** Logs its value, and stays until it may go. */
const TRAIN = `import os, sys, time, urllib.request
import mlflow
with mlflow.start_run():
    mlflow.log_param("rate", sys.argv[1])
    mlflow.log_text("of " + sys.argv[1], "notes.txt")
    print("logged", flush=True)
    while urllib.request.urlopen(os.environ["GATE"]).status != 200:
        time.sleep(0.5)
`;

let checkout: Checkout;
/** In the place of what a real training takes its time for: 200 lets the tasks go. */
let gate: Server;
let isOpen = false;
let gateUrl = "";

beforeAll(async () => {
  checkout = await Checkout.create("sidecar");
  checkout.configure("");
  const { output, exitCode } = await checkout.make("deploy");
  expect(exitCode, output).toBe(0);
  const version = readFileSync(join(ROOT, "version.txt"), "utf8").trim();
  const server = `127.0.0.1:${settings.ports.registry}/mlflow:v${version}`;
  const docker = await dockerCommand();
  const options = { env: { DOCKER_HOST: dockerHost, DOCKER_BUILDKIT: "1" } };
  await execa(docker, ["build", "--tag", IMAGE, "-"], {
    ...options,
    input: `FROM ${server}\nENTRYPOINT []\n`,
  });
  await execa(docker, ["push", "--quiet", IMAGE], options);
  gate = createServer((_, response) => response.writeHead(isOpen ? 200 : 204).end());
  gate.listen(0, "127.0.0.1");
  await once(gate, "listening");
  gateUrl = `http://127.0.0.1:${(gate.address() as AddressInfo).port}`;
});

afterEach(() => {
  isOpen = false;
});

afterAll(async () => {
  gate?.close();
  // deploy.test.ts begins with nothing deployed.
  await checkout?.make("destroy", "YES=1");
});

/** A command of a user's, in the folder of the checkout. */
async function homelab(...args: string[]) {
  const options = { cwd: checkout.directory, stdin: "ignore", reject: false } as const;
  const { stdout, stderr, exitCode } = await execa("node", ["cli/homelab.mjs", ...args], options);
  return { stdout, stderr, exitCode, all: `${stdout}\n${stderr}` };
}

const sweep = (...args: string[]) => homelab("sweep", ...args);

/** Downloads a file store, and lets a user's own MLflow serve it at a sweep's page meanwhile. */
async function withDownloaded(store: string, name: string, look: (page: string) => Promise<void>) {
  const folder = join(mkdtempSync(join(tmpdir(), "homelab-e2e-mlflow-")), store);
  const down = await homelab("files", "download", store, "--into", folder);
  expect(down.exitCode, down.all).toBe(0);
  // An MLflow with its server is in the image alone; a user's would be installed.
  const bin = mkdtempSync(join(tmpdir(), "homelab-e2e-python-"));
  const container = ["--rm", "--init", "--network", "host", "--user", "0", "--volume", folder];
  const docker = await dockerCommand();
  const run = `${docker} run ${container.join(" ")}:${folder} --env MLFLOW_ALLOW_FILE_STORE`;
  const python = `exec ${run} --entrypoint /opt/mlflow/bin/python ${IMAGE} "$@"`;
  writeFileSync(join(bin, "python"), `#!/bin/sh\n${python}\n`, { mode: 0o755 });
  const opened = execa("node", ["cli/homelab.mjs", "sweep", "open", name, "--data", folder], {
    cwd: checkout.directory,
    env: { DOCKER_HOST: dockerHost, PATH: `${bin}:${process.env.PATH}` },
    stdin: "ignore",
    reject: false,
  });
  let said = "";
  opened.stdout.on("data", (data) => {
    said += data;
  });
  try {
    await until("the page", async () => said.includes("Ctrl-C") || opened.exitCode !== null);
    const page = /^http\S+/m.exec(said)?.[0] ?? "";
    if (!page) expect((await opened).stderr).toBe("");
    await look(page);
    opened.kill("SIGINT");
    expect((await opened).exitCode).toBe(0);
    await expect(fetch(page)).rejects.toThrow();
  } finally {
    opened.kill("SIGINT");
    await opened;
  }
}

async function statusOf(name: string): Promise<SweepStatus & { trackerUrl?: string }> {
  return JSON.parse((await sweep("status", name, "--json")).stdout);
}

async function allocations(name: string): Promise<NomadAllocation[]> {
  return (await nomad.get<NomadAllocation[]>(`/job/${name}/allocations`)) ?? [];
}

const ofTracker = async (name: string) =>
  (await allocations(name)).filter(({ TaskGroup }) => TaskGroup === "tracker");

/** Waits until something is so. */
async function until(what: string, condition: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + PATIENCE_S * 1000; !(await condition()); await sleep(500))
    if (Date.now() > end) throw new Error(`${what}: not after ${PATIENCE_S} s`);
}

interface Run {
  readonly info: { readonly run_id: string };
  readonly data: Readonly<Record<"params" | "tags", { key: string; value: string }[]>>;
}

async function runsIn(tracker: string, filter = ""): Promise<Run[]> {
  const answer = await fetch(`${tracker}/api/2.0/mlflow/runs/search`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ experiment_ids: ["0"], filter }),
  });
  return ((await answer.json()) as { runs?: Run[] }).runs ?? [];
}

const valuesOf = (runs: readonly Run[], of: "params" | "tags", name: string) =>
  runs.map(({ data }) => data[of].find(({ key }) => key === name)?.value).sort();

/** Waits until tasks have logged so many runs, and returns where. */
async function loggedTo(name: string, count: number): Promise<string> {
  let tracker = "";
  await until(`${count} runs of ${name}`, async () => {
    tracker = (await statusOf(name)).trackerUrl ?? "";
    return tracker !== "" && (await runsIn(tracker)).length === count;
  });
  return tracker;
}

/** Waits until Nomad says that a job has ended by itself. */
const isDead = (name: string) =>
  until(`the end of job ${name}`, async () => {
    const job = await nomad.get<NomadJob>(`/job/${name}`);
    return job?.Status === "dead" && !job.Stop;
  });

describe.skipIf(late)("the document's own flow", () => {
  it("tracks with the sidecar while the tasks run, and nothing is left to end by hand", async () => {
    checkout.write("mlflow-sidecar.yaml", SPEC);
    const header = `${HEADER}# COILED gpu true\n# COILED map-over-values 0.1, 0.05, 0.01\n`;
    checkout.write(
      "train.py",
      `${header}# COILED scheduler-sidecar-spec mlflow-sidecar.yaml\n${TRAIN}`,
    );
    const options = ["--name", "document", "--gpu", "false", "--env", `GATE=${gateUrl}`];
    const script = ["--", "train.py", "$COILED_BATCH_TASK_INPUT"];
    const run = await sweep("run", ...options, ...script);
    expect(run.exitCode, run.all).toBe(0);
    const tracker = await loggedTo("document", 3);
    const runs = await runsIn(tracker);
    expect(valuesOf(runs, "params", "rate")).toEqual(["0.01", "0.05", "0.1"]);
    expect(valuesOf(runs, "tags", "sweep.index")).toEqual(["0", "1", "2"]);
    expect(await runsIn(url, "tags.sweep = 'document'")).toEqual([]);
    const status = await sweep("status", "document");
    for (const { info } of runs)
      expect(status.stdout).toContain(`${tracker}/#/experiments/0/runs/${info.run_id}`);
    expect(status.stdout).toContain(`MLflow, meanwhile: ${tracker}`);
    expect((await sweep("open", "document")).stdout).toMatch(
      new RegExp(`^${tracker}/#/experiments/0/runs\\?searchFilter=`),
    );
    // As its UI asks in a browser, which says where it is from.
    const asked = await fetch(`${tracker}/ajax-api/2.0/mlflow/runs/search`, {
      method: "POST",
      headers: { "content-type": "application/json", origin: tracker },
      body: JSON.stringify({ experiment_ids: ["0"] }),
    });
    expect(asked.status).toBe(200);
    isOpen = true;
    const { exitCode, stdout } = await sweep("wait", "document");
    expect(exitCode, stdout).toBe(0);
    expect(stdout).toMatch(/^document: 3 done; /m);
    await isDead("document");
    const all = await allocations("document");
    expect(all.map(({ ClientStatus }) => ClientStatus)).toEqual(all.map(() => "complete"));
    expect(all).toHaveLength(4);
    expect(await nomad.get("/service/document-5000")).toEqual([]);
    const list = JSON.parse((await sweep("list", "--json")).stdout) as SweepStatus[];
    expect(list.find(({ name }) => name === "document")).toMatchObject({
      state: "done",
      sidecars: { state: "ended" },
    });
    const after = await sweep("open", "document");
    expect([after.exitCode, after.stderr]).toEqual([
      2,
      expect.stringMatching(
        /document: its MLflow is a sidecar that does not run; .* download mlflow-data --into DIR, /,
      ),
    ]);
    await withDownloaded("mlflow-data", "document", async (page) => {
      const kept = await runsIn(new URL(page).origin, "tags.sweep = 'document'");
      expect(valuesOf(kept, "params", "rate")).toEqual(["0.01", "0.05", "0.1"]);
    });
    await nomad.delete("/job/document", { purge: "true" });
    const forgotten = await sweep("open", "document");
    expect([forgotten.exitCode, forgotten.stderr]).toEqual([2, after.stderr]);
  });
});

describe.skipIf(late)("--tracker sidecar", () => {
  it("gives each of two sweeps at once an MLflow of its own", async () => {
    checkout.write("own.py", TRAIN);
    const names = ["one", "two"];
    await Promise.all(
      names.map(async (name) => {
        const options = ["--name", name, "--tracker", "sidecar", "--env", `GATE=${gateUrl}`];
        const { exitCode, all } = await sweep(
          ...["run", ...options, "--map-over-values", `${name}-a,${name}-b`],
          ...["--", "own.py", "$SWEEP_INPUT"],
        );
        expect(exitCode, all).toBe(0);
      }),
    );
    const trackers = await Promise.all(names.map((name) => loggedTo(name, 2)));
    expect(new Set(trackers).size).toBe(2);
    for (const [index, name] of names.entries())
      expect(valuesOf(await runsIn(trackers[index] ?? ""), "params", "rate")).toEqual([
        ...[`${name}-a`, `${name}-b`],
      ]);
    isOpen = true;
    for (const name of names) {
      const { exitCode, all } = await sweep("wait", name);
      expect(exitCode, all).toBe(0);
      await isDead(name);
    }
  });

  const executablePath = onPath("chromium");
  it.skipIf(!executablePath)("leaves a store to download and look at when it is gone", async () => {
    await withDownloaded("one-mlflow", "one", async (address) => {
      const { origin } = new URL(address);
      const [run] = await runsIn(origin, "params.rate = 'one-a'");
      const artifact = `${origin}/get-artifact?path=notes.txt&run_uuid=${run?.info.run_id}`;
      expect(await (await fetch(artifact)).text()).toBe("of one-a");
      // Chromium does not let root have its sandbox.
      const chromiumSandbox = process.getuid?.() !== 0;
      const browser = await chromium.launch({ executablePath, chromiumSandbox });
      try {
        const page = await browser.newPage({ viewport: { width: 1400, height: 900 } });
        await page.goto(address);
        await page.getByText("2 matching runs").waitFor({ timeout: 60_000 });
      } finally {
        await browser.close();
      }
    });
  });

  it("takes its place before the tasks do, where there is no room for all", async () => {
    const nodes = (await nomad.get<NomadNode[]>("/nodes", { resources: "true" })) ?? [];
    const mhz = nodes[0]?.NodeResources?.Cpu.CpuShares ?? 0;
    checkout.write("small.py", 'import mlflow\nmlflow.log_metric("x", 1)\n');
    // As many as fill the client without the tracker; the deployed server has its 200 MHz there.
    const cpu = String(Math.floor((mhz - 200) / 3));
    const options = ["--name", "full", "--tracker", "sidecar", "--ntasks", "3", "--cpu", cpu];
    const { exitCode, all } = await sweep("run", ...options, "--wait", "--", "small.py");
    expect(exitCode, all).toBe(0);
    expect(all).toMatch(/^full: 3 done; /m);
    await isDead("full");
  });
});

describe.skipIf(late)("a sidecar that does not start", () => {
  const broken = () => checkout.write("broken.yaml", SPEC.replace("mlflow server", "mlflow servr"));
  const options = ["--sidecar-spec", "broken.yaml", "--tracker", "sidecar", "--ntasks", "2"];

  it("is told with its last output; tasks fail when they have waited long enough", async () => {
    broken();
    checkout.write("never.py", 'print("never")\n');
    const args = ["--name", "broken", ...options, "--sidecar-timeout", "100s"];
    const { exitCode, stdout } = await sweep("run", ...args, "--wait", "--", "never.py");
    expect(exitCode, stdout).toBe(1);
    expect(stdout).toMatch(/^broken: 2 failed; /m);
    expect(stdout).toMatch(/^sidecar mlflow: mlflow failed: exit code 2; tasks that wait for it/m);
    expect(stdout).toContain("  mlflow: Error: No such command 'servr'.");
    expect(stdout).toContain("the sidecars did not answer within 100 s");
    await sweep("stop", "broken");
  });

  it("ends the sweep where the first failure is to", async () => {
    broken();
    const args = ["--name", "fast", ...options, "--fail-fast", "--wait", "--", "never.py"];
    const { exitCode, stdout } = await sweep("run", ...args);
    expect(exitCode, stdout).toBe(1);
    expect(stdout).toMatch(/^fast: 2 stopped; /m);
    expect(stdout).toContain("  mlflow: Error: No such command 'servr'.");
  });
});

describe.skipIf(late)("a retry", () => {
  it("brings the tracker back, with what was logged before", async () => {
    checkout.write("kept.yaml", KEPT);
    checkout.write(
      "some.py",
      `${HEADER}import os, sys, urllib.request
import mlflow
print(len(mlflow.MlflowClient().search_runs(["0"])), "runs before", flush=True)
with mlflow.start_run():
    mlflow.log_param("rate", sys.argv[1])
if sys.argv[1] in "bc" and urllib.request.urlopen(os.environ["GATE"]).status != 200:
    sys.exit(3)
`,
    );
    const options = ["--name", "again", "--sidecar-spec", "kept.yaml", "--env", `GATE=${gateUrl}`];
    const values = ["--map-over-values", "a,b,c", "--wait", "--", "some.py", "$SWEEP_INPUT"];
    const first = await sweep("run", ...options, ...values);
    expect(first.exitCode, first.all).toBe(1);
    expect(first.stdout).toMatch(/^again: 1 done, 2 failed; /m);
    isOpen = true;
    // At once: the tracker may still be about to end.
    const one = await sweep("retry", "again", "--task", "1", "--wait");
    expect(one.exitCode, one.all).toBe(1);
    expect(one.stdout).toMatch(/^again: 2 done, 1 failed; /m);
    // Nomad has started it, too: it was not asked for, and what it did before stands.
    expect((await statusOf("again")).tasks[2]).toMatchObject({ state: "failed", exitCode: 3 });
    const again = await sweep("retry", "again", "--wait");
    expect(again.exitCode, again.all).toBe(0);
    expect(again.stdout).toMatch(/^again: 3 done; /m);
    const lines = (await sweep("logs", "again", "--task", "1")).stdout.split("\n");
    expect(lines).toContain("3 runs before");
    expect(await ofTracker("again")).toHaveLength(3);
    // Nomad itself goes on waiting for what has failed, in ten years.
    await until("the end of the tracker", async () =>
      (await ofTracker("again")).every(({ ClientStatus }) => ClientStatus !== "running"),
    );
    const states = (tasks: readonly TaskStatus[]) => tasks.map(({ state }) => state);
    const { tasks, sidecars } = await statusOf("again");
    expect([states(tasks), sidecars?.state]).toEqual([["done", "done", "done"], "ended"]);
  });
});
