/** Sweeps in containers, logged to the deployed MLflow, as docs/sweeps.md has them. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";
import { chromium } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ROOT } from "../../config/load.ts";
import { onPath } from "../../lab/on-path.ts";
import type { SweepStatus } from "../../sweep/gather.ts";
import type { KeptSweep } from "../../sweep/kept.ts";
import { Checkout } from "../checkout.ts";
import { dockerHost, nomad, runningAllocations, settings, url } from "../deployed.ts";
import { isLate } from "../time-left.ts";

const late = isLate("sweeps in containers");

/** So small that twenty have room at a time. */
const SMALL = ["--cpu", "50", "--memory", "100", "--wait"];

const docs = readFileSync(join(ROOT, "docs", "sweeps.md"), "utf8");
let checkout: Checkout;

beforeAll(async () => {
  checkout = await Checkout.create("sweep");
  checkout.configure("");
  const { output, exitCode } = await checkout.make("deploy");
  expect(exitCode, output).toBe(0);
});

afterAll(async () => {
  // deploy.test.ts begins with nothing deployed.
  await checkout?.make("destroy", "YES=1");
});

/** A command of a user's, in the folder of the checkout. */
function start(args: readonly string[], env: Record<string, string> = {}) {
  const options = { cwd: checkout.directory, stdin: "ignore", reject: false, env } as const;
  return execa("node", ["cli/homelab.mjs", "sweep", ...args], options);
}

interface Run {
  readonly info: { readonly run_id: string; readonly status: string };
  readonly data: {
    readonly metrics: readonly { readonly key: string; readonly value: number }[];
    readonly params: readonly { readonly key: string; readonly value: string }[];
    readonly tags: readonly { readonly key: string; readonly value: string }[];
  };
}

interface Model {
  readonly info: {
    readonly name: string;
    readonly status: string;
    readonly source_run_id: string;
    readonly artifact_uri: string;
  };
}

async function search<T>(what: string, body: object): Promise<T> {
  const answer = await fetch(`${url}/api/2.0/mlflow/${what}/search`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ experiment_ids: ["0"], ...body }),
  });
  return (await answer.json()) as T;
}

async function runsOf(sweep: string): Promise<Run[]> {
  const filter = `tags.sweep = '${sweep}'`;
  return (await search<{ runs?: Run[] }>("runs", { filter })).runs ?? [];
}

/** The models that runs have logged. */
async function modelsOf(runs: readonly Run[]): Promise<Model[]> {
  const { models = [] } = await search<{ models?: Model[] }>("logged-models", {});
  const ids = runs.map(({ info }) => info.run_id);
  return models.filter(({ info }) => ids.includes(info.source_run_id));
}

const named = <T>(all: readonly { key: string; value: T }[]) =>
  Object.fromEntries(all.map(({ key, value }) => [key, value]));

describe.skipIf(late)("the first sweep of docs/sweeps.md", () => {
  const command = /npx homelab sweep (run --map-over-values 0.1[\s\S]*?)\n\n/.exec(docs)?.[1] ?? "";
  const args = command
    .replaceAll("\\\n", " ")
    .replaceAll("'", "")
    .split(/\s+/)
    .filter((word) => word !== "");

  it("trains once for each value, and its runs are in MLflow with metrics, parameters and tags", async () => {
    checkout.write("train.py", /```python\n([\s\S]*?)```/.exec(docs)?.[1] ?? "");
    const requirements = /`requirements.txt` beside it [\s\S]*?\n\n((?: {4}.+\n)+)/.exec(docs)?.[1];
    checkout.write("requirements.txt", requirements?.replaceAll(" ", "") ?? "");
    const began = Date.now();
    const [first = "", ...others] = args;
    const { stdout, stderr, exitCode } = await start([first, "--name", "first", ...others]);
    console.log(
      `the first sweep took ${Math.round((Date.now() - began) / 1000)} s, with its image`,
    );
    expect(exitCode, stdout + stderr).toBe(0);
    expect(stderr).toContain("building the image ");
    const runs = await runsOf("first");
    const rows: Record<string, unknown>[] = runs.map(({ info, data }) => ({
      status: info.status,
      ...named(data.params),
      ...named(data.tags),
      accuracy: named(data.metrics).accuracy,
    }));
    expect(rows.toSorted((a, b) => Number(a["sweep.index"]) - Number(b["sweep.index"]))).toEqual(
      ["0.1", "0.05", "0.01"].map((rate, index) =>
        expect.objectContaining({
          status: "FINISHED",
          rate,
          sweep: "first",
          "sweep.index": String(index),
          "sweep.value": rate,
          accuracy: expect.toSatisfy((value: number) => value > 0.6 && value <= 1),
        }),
      ),
    );
    for (const { info } of runs)
      expect(stdout).toContain(`${url}/#/experiments/0/runs/${info.run_id}`);
    expect(stdout).toMatch(/^first: 3 done; /m);
  });

  it("logs each run's model, which is in MLflow with its files", async () => {
    const runs = await runsOf("first");
    const models = await modelsOf(runs);
    expect(models.map(({ info }) => info.source_run_id).toSorted()).toEqual(
      runs.map(({ info }) => info.run_id).toSorted(),
    );
    for (const { info } of models) {
      expect(info).toMatchObject({ name: "model", status: "LOGGED_MODEL_READY" });
      const path = info.artifact_uri.replace(/^mlflow-artifacts:\/+/, "");
      const artifacts = `${url}/api/2.0/mlflow-artifacts/artifacts/${path}`;
      expect(await (await fetch(`${artifacts}/MLmodel`)).text()).toContain("mlflow.sklearn");
      expect((await fetch(`${artifacts}/model.skops`)).status).toBe(200);
    }
  });

  it("builds no image when it is run again", async () => {
    const [first = "", ...others] = args;
    const { stdout, stderr, exitCode } = await start([first, "--name", "second", ...others]);
    expect(exitCode, stdout + stderr).toBe(0);
    expect(stderr).not.toContain("building");
    expect(await runsOf("second")).toHaveLength(3);
    expect(await runsOf("first")).toHaveLength(3);
  });

  const executablePath = onPath("chromium");
  it.skipIf(!executablePath)("opens MLflow's UI at its runs, and at no other's", async () => {
    const { stdout, exitCode } = await start(["open", "second"]);
    expect(exitCode).toBe(0);
    // Chromium does not let root have its sandbox.
    const chromiumSandbox = process.getuid?.() !== 0;
    const browser = await chromium.launch({ executablePath, chromiumSandbox });
    try {
      const page = await browser.newPage({ viewport: { width: 1400, height: 900 } });
      await page.goto(stdout.trim());
      await page.getByText("3 matching runs").waitFor({ timeout: 60_000 });
    } finally {
      await browser.close();
    }
  });

  it("says of a sweep that has no runs where to look", async () => {
    const { stderr, exitCode } = await start(["open", "none-of-it"]);
    expect(stderr).toBe(
      `error: none-of-it: found no run of it in MLflow at ${url}; npx homelab sweep status none-of-it tells of its tasks, npx homelab doctor of MLflow`,
    );
    expect(exitCode).toBe(2);
  });
});

describe.skipIf(late)("a sweep whose MLflow is restarted", () => {
  it("goes on, and all that it has logged is there", async () => {
    const steps = 60;
    const step = `mlflow.log_metric("x", step, step=step); time.sleep(0.25)`;
    checkout.write(
      "steps.py",
      `import time, mlflow\nwith mlflow.start_run():\n    for step in range(${steps}): ${step}\n`,
    );
    const sweep = start(["run", "--name", "steps", "--ntasks", "2", "--wait", "--", "steps.py"]);
    await expect.poll(() => runsOf("steps"), { timeout: 60_000 }).toHaveLength(2);
    const [server] = await runningAllocations();
    await nomad.put(`/client/allocation/${server?.ID}/restart`, {});
    const { stdout, stderr, exitCode } = await sweep;
    expect(exitCode, stdout + stderr).toBe(0);
    for (const { info } of await runsOf("steps")) {
      const query = `run_id=${info.run_id}&metric_key=x&max_results=1000`;
      const history = await fetch(`${url}/api/2.0/mlflow/metrics/get-history?${query}`);
      const { metrics } = (await history.json()) as { metrics: { step: number }[] };
      expect(new Set(metrics.map((metric) => metric.step ?? 0)).size).toBe(steps);
    }
  });
});

describe.skipIf(late)("a sweep of which 3 of 20 tasks fail", () => {
  const flags = join(settings.volumes.files, "flags");
  const lines = (file: string) => readFileSync(join(flags, file), "utf8").trim().split("\n");

  it("is done when a retry has run those 3, and no others, again", async () => {
    checkout.write(
      "three.sh",
      `cd /scratch/filestores/flags
echo "$1" >> ran
case "$1" in 3|7|12) test -e mended || { echo "no good: $1"; exit 7; };; esac
`,
    );
    const options = ["--name", "three", "--ntasks", "20", "--filestore", "flags"];
    const script = ["--", "three.sh", "$SWEEP_INPUT"];
    const first = await start(["run", ...SMALL, ...options, ...script]);
    expect(first.exitCode, first.stdout + first.stderr).toBe(1);
    expect(first.stdout).toMatch(/^three: 17 done, 3 failed; /m);
    expect(first.stdout).toMatch(/what task (3|7|12) said last:\n {2}no good: \1$/m);
    expect(lines("ran")).toHaveLength(20);
    const mended = mkdtempSync(join(tmpdir(), "homelab-e2e-mended-"));
    writeFileSync(join(mended, "mended"), "");
    const up = await checkout.homelab(["files", "upload", mended, "--store", "flags"]);
    expect(up.exitCode, up.output).toBe(0);
    const again = await start(["retry", "three", "--failed", "--wait"]);
    expect(again.exitCode, again.stdout + again.stderr).toBe(0);
    expect(again.stdout).toContain("three: tasks 3, 7, 12 again");
    expect(again.stdout).toMatch(/^three: 20 done; /m);
    expect(lines("ran").slice(20).toSorted()).toEqual(["12", "3", "7"]);
    expect((await start(["wait", "three"])).exitCode).toBe(0);
    const { output, exitCode } = await checkout.homelab(["files", "rm", "flags", "--yes"]);
    expect(exitCode, output).toBe(0);
  });
});

describe.skipIf(late)("two sweeps at once that have one file store", () => {
  const names = ["left", "right"] as const;

  it("do not mix: each has its own input, results, output and manifest", async () => {
    // Each waits for the other: they run at the same time.
    checkout.write(
      "mixes.sh",
      `common=/scratch/filestores/common
cat given/given
echo "$1" > result
echo "$1" >> $common/$SWEEP_NAME
until test -e $common/$OTHER; do sleep 0.2; done
`,
    );
    const folder = mkdtempSync(join(tmpdir(), "homelab-e2e-mix-"));
    const sweeps = names.map((name, at) => {
      const given = join(folder, name, "given");
      mkdirSync(given, { recursive: true });
      writeFileSync(join(given, "given"), `for ${name}\n`);
      const files = ["--upload", given, "--filestore", "common", "--download"];
      const other = names[1 - at];
      return start([
        ...["run", ...SMALL, "--name", name, "--env", `OTHER=${other}`, "--timeout", "3m"],
        ...[...files, join(folder, name, "out"), "--map-over-values", `${name}-a,${name}-b`],
        ...["--", "mixes.sh", "$SWEEP_INPUT"],
      ]);
    });
    for (const { exitCode, stdout, stderr } of await Promise.all(sweeps))
      expect(exitCode, stdout + stderr).toBe(0);
    for (const name of names) {
      const values = [`${name}-a`, `${name}-b`];
      const out = join(folder, name, "out");
      expect(readdirSync(out).toSorted()).toEqual(["0", "1"]);
      const results = ["0", "1"].map((id) => readFileSync(join(out, id, "result"), "utf8"));
      expect(results).toEqual(values.map((value) => `${value}\n`));
      const { stdout } = await start(["logs", name]);
      expect(stdout.split("\n")).toEqual([`[0] for ${name}`, `[1] for ${name}`]);
      const { volumes } = settings;
      const store = readFileSync(join(volumes.files, "common", name), "utf8");
      expect(store.trim().split("\n").toSorted()).toEqual(values);
      const manifest = readFileSync(join(volumes.files, "sweeps", name, "manifest.json"), "utf8");
      const { tasks } = JSON.parse(manifest) as KeptSweep;
      expect(tasks.map(({ value }) => value)).toEqual(values);
    }
    const { output, exitCode } = await checkout.homelab(["files", "rm", "common", "--yes"]);
    expect(exitCode, output).toBe(0);
  });
});

describe.skipIf(late)("a sweep whose files are on a volume that no client has", () => {
  it("is refused with 4 and what to do, and nothing is registered", async () => {
    checkout.configure(
      'volumes: { ...embedded.volumes, files: { ...embedded.volumes.files, name: "elsewhere" } }',
    );
    checkout.write("one.sh", "true\n");
    const args = ["run", ...SMALL, "--name", "nowhere", "--filestore", "any", "--", "one.sh"];
    const { exitCode, stderr } = await start(args).finally(() => checkout.configure(""));
    expect([exitCode, stderr]).toEqual([
      4,
      'error: no Nomad client can run the tasks: 1 of the clients refused by "missing compatible host volumes"; make deploy brings volumes.files to the clients',
    ]);
    expect(await nomad.get("/job/nowhere")).toBeUndefined();
  });
});

describe.skipIf(late)("a script that was written for Coiled", () => {
  const script = `# COILED env MLFLOW_TRACKING_URI=http://coiled-scheduler:5000
# COILED region us-east-1
# COILED gpu true
# COILED map-over-values 0.1, 0.05
import sys
import mlflow
with mlflow.start_run():
    mlflow.log_param("rate", sys.argv[1])
`;

  it("asks for a GPU that no client has, and is told so", async () => {
    checkout.write("coiled.py", script);
    const { stderr, exitCode } = await start([
      "run",
      "--",
      "coiled.py",
      "$COILED_BATCH_TASK_INPUT",
    ]);
    expect(exitCode).toBe(4);
    expect(stderr).toContain(
      'no Nomad client can run the tasks: 1 of the clients refused by "missing devices"',
    );
  });

  it("runs as it is where the command line says otherwise, and logs to the deployment", async () => {
    const options = ["--gpu", "false", "--name", "coiled", "--wait"];
    const { stdout, stderr, exitCode } = await start([
      "run",
      ...options,
      "--",
      "coiled.py",
      "$COILED_BATCH_TASK_INPUT",
    ]);
    expect(exitCode, stdout + stderr).toBe(0);
    expect(stderr).toContain("coiled.py:2: region is about machines in a cloud, and left out");
    const rates = (await runsOf("coiled")).map(({ data }) => named(data.params).rate);
    expect(rates.toSorted()).toEqual(["0.05", "0.1"]);
  });
});

describe.skipIf(late)("a task in a container", () => {
  it("has its secrets, and Docker does not know them", async () => {
    checkout.write(
      "secret.py",
      'import os, time\nprint(len(os.environ["TOKEN"]), flush=True)\ntime.sleep(8)\n',
    );
    const args = ["run", "--name", "secret", "--secret-env", "TOKEN", "--", "secret.py"];
    const { exitCode, stderr } = await start(args, { TOKEN: "hunter2" });
    expect(exitCode, stderr).toBe(0);
    const env = { DOCKER_HOST: dockerHost };
    const docker = async (...words: string[]) => (await execa("docker", words, { env })).stdout;
    let container = "";
    for (const end = Date.now() + 60_000; !container && Date.now() < end; await sleep(300))
      container = await docker("ps", "--quiet", "--filter", "name=^task-");
    expect(await docker("inspect", container)).not.toContain("hunter2");
    expect((await start(["wait", "secret"])).exitCode).toBe(0);
    expect((await start(["logs", "secret"])).stdout).toBe("7");
  });

  it("that needs more memory than it may have is told so", async () => {
    checkout.write("large.py", 'x = b"x" * 300_000_000\n');
    const args = ["run", "--name", "large", "--memory", "64", "--wait", "--json", "--", "large.py"];
    const { stdout, stderr, exitCode } = await start(args);
    expect(exitCode, stderr).toBe(1);
    const { tasks } = JSON.parse(stdout) as SweepStatus;
    expect(tasks[0]).toMatchObject({
      state: "failed",
      reason: "it needed more than --memory and was killed",
    });
  });
});
