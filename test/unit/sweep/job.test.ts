import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { checkConfig } from "../../../config/check.ts";
import type { HomelabInput } from "../../../config/schema.ts";
import { sweepImage } from "../../../sweep/image.ts";
import { readInput } from "../../../sweep/input.ts";
import { sweepJob } from "../../../sweep/job.ts";
import { sweepWork } from "../../../sweep/runner.ts";
import { withTracker } from "../../../sweep/sidecars/own-tracker.ts";
import { grid } from "../../../sweep/tasks.ts";
import { trackingOf } from "../../../sweep/tracking.ts";
import { basicAuth, smallConfig } from "../synth.ts";

const before = process.cwd();
beforeAll(() => process.chdir(mkdtempSync(join(tmpdir(), "homelab-sweep-"))));
afterAll(() => process.chdir(before));

function job(options: Record<string, unknown>, script = "true", more: Partial<HomelabInput> = {}) {
  writeFileSync("script.sh", script);
  const config = checkConfig(smallConfig(more), "homelab.config.ts");
  const input = readInput(
    ["script.sh", "$SWEEP_INPUT"],
    { name: "mine", ...options },
    config.sweep,
    config.volumes.files !== undefined,
  );
  const target = { region: "global", namespace: "default" };
  return sweepJob(sweepWork(input, {}), config, target, { tasks: "python:3.12" });
}

describe("the job of a sweep", () => {
  it("has a task for each value, and no more of them at a time than asked for", () => {
    const hcl = job({ ntasks: "30", maxWorkers: "3" });
    expect(hcl).toContain("count = 30");
    expect(hcl).toMatch(
      /attribute = "\$\\u007bnode.pool\}"\s+operator {2}= "distinct_property"\s+value {5}= "3"/,
    );
    expect(job({ ntasks: "30" })).not.toContain("distinct_property");
  });

  it("counts tasks by what all its clients have in common", () => {
    const options = { ntasks: "3", maxWorkers: "2" };
    expect(job(options, "true", { nomad: { nodePool: "all" } })).toContain(
      '"$\\u007bnode.datacenter}"',
    );
    expect(() =>
      job(options, "true", { nomad: { nodePool: "all", datacenters: ["dc*"] } }),
    ).toThrow(/--max-workers: found nomad.nodePool "all" with several/);
  });

  it("names the file stores that it uses, where there are any", () => {
    const volumes = { ...smallConfig().volumes, files: { source: { directory: "/srv/files" } } };
    const hcl = job({ filestore: ["one", "two"] }, "true", { volumes });
    expect(hcl).toMatch(/homelab_mlflow_sweep_filestores\s*= "one,two"/);
    expect(job({})).not.toContain("homelab_mlflow_sweep_filestores");
  });

  it("tries a task once, or as often as asked for, and lets a retry be forced", () => {
    expect(job({})).toMatch(/restart \{\s+attempts = 0/);
    const retried = job({ retries: "2" });
    expect(retried).toMatch(/restart \{\s+attempts = 2/);
    // When it is over, Nomad counts anew.
    const hours = /restart \{[^}]*interval = "(\d+)h"/.exec(retried)?.[1];
    expect(Number(hours)).toBeGreaterThan(365 * 24);
    expect(job({})).toMatch(/reschedule \{[^}]*unlimited {6}= true/);
  });

  it("asks for what a task needs", () => {
    const hcl = job({ cpu: "700", memory: "2GiB", gpu: "2", constraint: ["node.class=gpu"] });
    expect(hcl).toMatch(/cpu {4}= 700\s+memory = 2048/);
    expect(hcl).toMatch(/device "nvidia\/gpu" \{\s+count = 2/);
    expect(hcl).toMatch(
      /attribute = "\$\\u007bnode.class\}"\s+operator {2}= "="\s+value {5}= "gpu"/,
    );
  });

  it("sets no variable of its own that an axis of a grid could be, too", () => {
    writeFileSync("script.sh", "true");
    const config = checkConfig(smallConfig(), "homelab.config.ts");
    const input = readInput(["script.sh"], {}, config.sweep);
    const work = sweepWork(input, {}, { name: "mlflow-files", keeps: true });
    const target = { region: "global", namespace: "default" };
    const hcl = sweepJob(work, config, target, { tasks: "python:3.12" });
    const own = new Set([...hcl.matchAll(/SWEEP_(\w+)/g)].map(([, name = ""]) => name));
    expect(own).toContain("NODE");
    for (const name of own)
      expect(() => grid([`${name.toLowerCase()}=1`]), name).toThrow("other names than");
  });

  it("holds the names of secrets at most", () => {
    process.env.TEST_TOKEN = "hunter2";
    expect(job({ secretEnv: ["TEST_TOKEN"] })).not.toContain("hunter2");
  });

  it("is refused where the script is too large for Nomad to keep", () => {
    expect(() => job({}, `# ${"x".repeat(300_000)}`)).toThrow(
      /most of them in script.sh; expected at most 262144: put what is larger into an image/,
    );
  });
});

describe("the image of the tasks", () => {
  const config = checkConfig(smallConfig(), "homelab.config.ts");

  it("is another one for other requirements, and the same for the same", () => {
    expect(sweepImage(config, "numpy\n")).toEqual(sweepImage(config, "numpy\n"));
    expect(sweepImage(config, "numpy\n").tag).not.toBe(sweepImage(config, "scipy\n").tag);
    expect(sweepImage(config).repository).toBe("mlflow-sweep");
  });
});

describe("the tracker of the tasks", () => {
  const config = checkConfig(smallConfig(), "homelab.config.ts");
  const none = { env: {}, secrets: {}, sidecars: [], tracker: "service" as const, command: [] };

  it("is the deployment, under the address of the other tool's as well", () => {
    const env = { MLFLOW_TRACKING_URI: "http://coiled-scheduler:5000", A: "1" };
    const { variables, input, notices, tracker } = trackingOf(config, { ...none, env }, {});
    expect(variables.MLFLOW_TRACKING_URI).toBe("http://mlflow.lan");
    expect(input.env).toEqual({ A: "1" });
    expect(notices).toEqual([
      "MLFLOW_TRACKING_URI=http://coiled-scheduler:5000 is taken for this deployment's, http://mlflow.lan",
    ]);
    expect(tracker).toBe("service");
    const own = { MLFLOW_TRACKING_URI: "http://ada:hush@other.lan/mlflow/" };
    expect(trackingOf(config, { ...none, env: own }, {})).toMatchObject({
      input: { env: own },
      notices: [],
      tracker: "http://other.lan/mlflow",
    });
  });

  it("is reached by the other tool's address wherever that is said, but in comments", () => {
    const scheduler = "http://coiled-scheduler:5000";
    const text = `# COILED env A=${scheduler}\nset_tracking_uri("${scheduler}/")\n`;
    const asked = {
      ...none,
      env: {
        A: `${scheduler}/api`,
        B: "http://coiled-scheduler:8786",
        C: "tcp://coiled-scheduler",
      },
      command: ["train.py", "--uri=http://coiled-scheduler"],
      script: { name: "train.py", text },
    };
    const { input, notices } = trackingOf(config, asked, {});
    expect(input).toEqual({
      env: { ...asked.env, A: "http://mlflow.lan/api" },
      command: ["train.py", "--uri=http://mlflow.lan"],
      script: { name: "train.py", text: text.replace(`"${scheduler}`, '"http://mlflow.lan') },
    });
    expect(notices).toEqual(
      ["A", "the command", "train.py"].map(
        (place) =>
          `http://coiled-scheduler in ${place} is taken for this deployment's, http://mlflow.lan`,
      ),
    );
    const sidecars = withTracker([]);
    expect(trackingOf(config, { ...asked, sidecars }, {})).toMatchObject({
      input: { env: asked.env, command: asked.command, script: asked.script },
      notices: [],
    });
  });

  it("is a sidecar where one has the port that the environment asks for", () => {
    const env = { MLFLOW_TRACKING_URI: "http://coiled-scheduler:5000" };
    const sidecars = withTracker([]);
    expect(trackingOf(config, { ...none, env, sidecars }, {})).toMatchObject({
      input: { env },
      notices: [],
      tracker: "sidecar:5000",
    });
    const { variables, tracker } = trackingOf(
      config,
      { ...none, sidecars, tracker: "sidecar" },
      {},
    );
    expect([variables.MLFLOW_TRACKING_URI, tracker]).toEqual([
      "http://sweep-tracker:5000",
      "sidecar:5000",
    ]);
    // One that is no tracker leaves the deployment in its place.
    expect(trackingOf(config, { ...none, sidecars }, {}).tracker).toBe("service");
  });

  it.each([
    ["Traefik", { traefik: { basicAuth: { usersFile: "/etc/traefik/users" } } }],
    ["MLflow", basicAuth()],
  ])("gets the login of this environment as a secret where %s asks for one", (_, asks) => {
    const asking = checkConfig(smallConfig(asks), "homelab.config.ts");
    const login = { MLFLOW_TRACKING_USERNAME: "ada", MLFLOW_TRACKING_PASSWORD: "hush" };
    const { variables, secrets, notices } = trackingOf(asking, none, login);
    expect(JSON.stringify(variables)).not.toContain("hush");
    expect(Object.keys(secrets)).toEqual(Object.keys(login));
    expect(notices).toEqual([]);
    expect(trackingOf(asking, none, {}).notices).toEqual([
      expect.stringContaining("the deployment asks for a login: set MLFLOW_TRACKING_USERNAME and"),
    ]);
  });

  it("gets no login of the deployment's where it is another", () => {
    const asking = checkConfig(smallConfig(basicAuth()), "homelab.config.ts");
    const login = { MLFLOW_TRACKING_USERNAME: "ada", MLFLOW_TRACKING_PASSWORD: "hush" };
    const tracker = new URL("http://other.lan/mlflow/");
    expect(trackingOf(asking, { ...none, tracker }, login)).toEqual({
      variables: {
        MLFLOW_TRACKING_URI: "http://other.lan/mlflow",
        MLFLOW_DISABLE_TELEMETRY: "true",
        GIT_PYTHON_REFRESH: "quiet",
        LOGNAME: userInfo().username,
      },
      secrets: {},
      input: { env: {}, command: [] },
      tracker: "http://other.lan/mlflow",
      notices: [],
    });
  });
});
