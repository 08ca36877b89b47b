import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { checkConfig } from "../../../../config/check.ts";
import { UserError } from "../../../../config/errors.ts";
import { readInput } from "../../../../sweep/input.ts";
import { sweepJob } from "../../../../sweep/job.ts";
import { runLocally } from "../../../../sweep/local.ts";
import { localWork, sweepWork, taskScript } from "../../../../sweep/runner.ts";
import { smallConfig } from "../../synth.ts";

const before = process.cwd();
beforeAll(() => process.chdir(mkdtempSync(join(tmpdir(), "homelab-sweep-"))));
afterAll(() => process.chdir(before));

const config = checkConfig(smallConfig(), "homelab.config.ts");
const SPEC = `mlflow:
  image: astral/uv:debian-slim
  command: uvx mlflow server --host 0.0.0.0 --port 5000
  ports:
    - 5000
proxy:
  image: proxy
  ports: [6543, 80]
  env:
    MODE: "it's on"
`;

function read(options: Record<string, unknown> = {}, script = "true", command = ["script.sh"]) {
  writeFileSync("script.sh", script);
  writeFileSync("sidecars.yaml", SPEC);
  const own = { name: "mine", sidecarSpec: "sidecars.yaml", ...options };
  return readInput(command, own, config.sweep);
}

function job(options: Record<string, unknown> = {}) {
  const input = read(options);
  const target = { region: "global", namespace: "default" };
  const images = { tasks: "python:3.12", tracker: "registry.lan/mlflow-sweep:1" };
  return sweepJob(sweepWork(input, {}), config, target, images);
}

function problems(...args: Parameters<typeof read>): readonly string[] {
  try {
    read(...args);
  } catch (error) {
    if (error instanceof UserError) return error.problems;
    throw error;
  }
  return [];
}

describe("the job of a sweep with sidecars", () => {
  it("runs each beside the tasks, at ports that Nomad picks", () => {
    const hcl = job({ ntasks: "3" });
    expect(hcl).toMatch(/group "tracker" \{\s+count = 1\n/);
    expect(hcl).toMatch(/port "port_5000" \{\s+to = 5000\s+\}/);
    expect(hcl).not.toContain("static");
    expect(hcl).toMatch(/task "mlflow" \{[\s\S]*?hook {4}= "prestart"\s+sidecar = true/);
    expect(hcl).toMatch(
      /command = "uvx"\s+args {4}= \["mlflow", "server", "--host", "0.0.0.0", "--port", "5000"\]/,
    );
    expect(hcl).toContain(`MODE = "it's on"`);
    expect(hcl).toContain('["ready", "600", "mlflow:5000", "proxy:6543", "proxy:80"]');
    expect(hcl).toContain('["watch", "3"]');
  });

  it("tells the tasks of them by services of its own", () => {
    const hcl = job();
    expect(hcl).toMatch(/name {9}= "mine-5000"\s+provider {5}= "nomad"\s+port {9}= "port_5000"/);
    expect(hcl).toContain('nomadService \\"mine-5000\\" }}{{ if eq .JobID \\"mine\\" }}5000 ');
  });

  it("looks after them with an image of ours, whatever the tasks run in", () => {
    const hcl = job({ container: "python:3.12" });
    expect(hcl.match(/image += "registry.lan\/mlflow-sweep:1"/g)).toHaveLength(2);
  });

  it("asks for no addresses of one that listens nowhere", () => {
    writeFileSync("silent.yaml", "proxy:\n  image: proxy\n");
    expect(job({ sidecarSpec: "silent.yaml" })).not.toContain("local/sweep/sidecars");
  });

  it("is the one it was where there are none", () => {
    expect(job({ sidecarSpec: undefined })).not.toMatch(/tracker"|nomadService/);
  });
});

describe("--tracker", () => {
  const asked = (tracker: string, options: Record<string, unknown> = {}) =>
    read({ sidecarSpec: undefined, tracker, ...options });

  it("is the deployment, an MLflow that ends with the sweep, or any other", () => {
    expect(read({ sidecarSpec: undefined })).toMatchObject({ tracker: "service", sidecars: [] });
    expect(asked("sidecar").sidecars.map(({ name, ports }) => [name, ports])).toEqual([
      ["mlflow", [5000]],
    ]);
    expect(asked("http://other.lan:5000").tracker).toEqual(new URL("http://other.lan:5000"));
    // A file's own MLflow is the one then.
    expect(asked("sidecar", { sidecarSpec: "sidecars.yaml" }).sidecars).toHaveLength(2);
  });

  it("runs the deployment's server where no file says of another", () => {
    const input = asked("sidecar");
    const target = { region: "global", namespace: "default" };
    const images = { tasks: "a", tracker: "b", mlflow: "registry.lan/mlflow@sha256:1" };
    const hcl = sweepJob(sweepWork(input, {}), config, target, images, "sidecar:5000");
    expect(hcl).toContain('image = "registry.lan/mlflow@sha256:1"');
    expect(hcl).toContain('"--backend-store-uri", "sqlite:////alloc/data/mlflow.db"');
    expect(hcl).toContain('homelab_mlflow_sweep_tracker = "sidecar:5000"');
    expect(hcl).toContain('homelab_mlflow_sweep_tracker_stores = ""');
  });

  it("keeps its runs in a file store of its own where the config has a volume for files", () => {
    const input = readInput(
      ["script.sh"],
      { name: "mine", tracker: "sidecar" },
      config.sweep,
      true,
    );
    expect(input.notices).toEqual([
      "its MLflow keeps runs and artifacts in the file store mine-mlflow",
    ]);
    const target = { region: "global", namespace: "default" };
    const images = { tasks: "a", tracker: "b", mlflow: "c" };
    const files = { source: { nfs: { server: "nas.lan", export: "/volume1/files" } } };
    const { volumes } = smallConfig();
    const own = checkConfig(
      { ...smallConfig(), volumes: { ...volumes, files } },
      "homelab.config.ts",
    );
    const hcl = sweepJob(sweepWork(input, {}), own, target, images, "sidecar:5000");
    expect(hcl).toContain('homelab_mlflow_sweep_tracker_stores = "mine-mlflow"');
    const { record } = sweepWork(input, {}, undefined, "sidecar:5000");
    expect(JSON.parse(record)).toMatchObject({ trackerStores: ["mine-mlflow"] });
    expect(hcl).toContain('"sqlite:////scratch/filestores/mine-mlflow/mlflow.db"');
    expect(hcl).toMatch(/volume_mount \{[\s\S]*?destination = "\/scratch\/filestores"/);
    expect(hcl).toMatch(/homelab_mlflow_sweep_filestores\s*= "mine-mlflow"/);
    const given = { ...{ name: "mine", tracker: "sidecar" }, sidecarSpec: "sidecars.yaml" };
    expect(readInput(["script.sh"], given, config.sweep, true).notices).toEqual([]);
  });

  it("is refused where it is none of them, and its login is not shown", () => {
    const wrong = (tracker: string) => problems({ sidecarSpec: undefined, tracker });
    expect(wrong("sidcar")).toEqual([expect.stringMatching(/^--tracker: expected service \(/)]);
    const [login] = wrong("http://ada:hunter2@other.lan");
    expect(login).toMatch(/^--tracker: expected a URL without a login/);
    expect(login).not.toContain("hunter2");
  });

  it("is the sidecar that is named mlflow, and ours beside others", () => {
    writeFileSync("proxy.yaml", "proxy:\n  image: a\n  ports: [80]\n");
    const { sidecars } = asked("sidecar", { sidecarSpec: "proxy.yaml" });
    expect(sidecars.map(({ name }) => name)).toEqual(["proxy", "mlflow"]);
    const wrong = (sidecarSpec: string) => problems({ sidecarSpec, tracker: "sidecar" });
    writeFileSync("portless.yaml", "mlflow:\n  image: a\n");
    expect(wrong("portless.yaml")).toEqual([expect.stringContaining("mlflow has no port")]);
    writeFileSync("taken.yaml", "other:\n  image: a\n  ports: [5000]\n");
    expect(wrong("taken.yaml")).toEqual([expect.stringContaining("other has port 5000; expected")]);
  });
});

describe("what is asked for with sidecars", () => {
  it("may be said in the header, in the words of the tool of the COILED headers, too", () => {
    const script = "# COILED scheduler-sidecar-spec sidecars.yaml\n# SWEEP sidecar-timeout 90s";
    const { sidecars, sidecarTimeout } = read({ sidecarSpec: undefined }, script);
    expect(sidecars.map(({ name }) => name)).toEqual(["mlflow", "proxy"]);
    expect(sidecarTimeout).toBe(90);
  });

  it("is refused where nobody answers, where it does not fit, and in the file's own line", () => {
    const env = ["A=http://coiled-scheduler:5001/x", "B=http://sweep-tracker", "C=a:5000"];
    expect(problems({ env, local: true, name: "x".repeat(58) })).toEqual([
      "--local: not together with sidecars, as it has no containers",
      expect.stringMatching(/^--name: found 58 characters; with sidecars expected at most 56/),
      "--env A: found coiled-scheduler:5001; expected the port of a sidecar: 5000, 6543, 80",
      "--env B: found sweep-tracker; expected the port of a sidecar: 5000, 6543, 80",
    ]);
    writeFileSync("wrong.yaml", "mlflow:\n  imag: a\n");
    expect(problems({ sidecarSpec: "wrong.yaml" })).toEqual([
      expect.stringMatching(/^wrong.yaml:1: mlflow.image: missing/),
      "wrong.yaml:2: mlflow.imag: unknown key; did you mean image?",
    ]);
    expect(problems({ sidecarSpec: "none.yaml" })).toEqual([
      expect.stringMatching(/^--sidecar-spec: found "none.yaml"; expected a text file .*no such/),
    ]);
  });
});

describe("a task with sidecars", () => {
  const script =
    'printf "%s\\n" "$MLFLOW_TRACKING_URI" "$DB" "$COILED_BATCH_SCHEDULER_ADDRESS" "$@" http://coiled-scheduler:5000/';
  const env = ["MLFLOW_TRACKING_URI=http://coiled-scheduler:5000", "DB=u@sweep-tracker:6543/it's"];

  async function ran(addresses: string, options: Record<string, unknown> = {}) {
    const command = [
      "script.sh",
      "--at=http://sweep-tracker:80/$SWEEP_INPUT",
      "$SWEEP_SIDECAR_6543",
    ];
    const input = read({ env, ...options }, script, command);
    const { name, tasks } = input;
    const text = taskScript(localWork(input, {}));
    const said: string[] = [];
    // They are beside the working folder, into which prepare puts things.
    const prepare = async (work: string) => {
      mkdirSync(join(work, "..", "sweep"));
      writeFileSync(join(work, "..", "sweep", "sidecars"), addresses);
    };
    const sweep = {
      ...{ name, tasks, script: text, secrets: {} },
      maxWorkers: 1,
      failFast: false,
      prepare,
    };
    const { exitCodes } = await runLocally(sweep, (_, line) => said.push(line));
    return { said, exitCode: exitCodes.get(0) };
  }

  it("finds their addresses in its environment, its command and its script", async () => {
    const addresses = "5000 192.168.1.7:23000\n6543 192.168.1.7:23001\n80 [fd00::7]:23002\n";
    expect(await ran(addresses)).toEqual({
      exitCode: 0,
      said: [
        ...["http://192.168.1.7:23000", "u@192.168.1.7:23001/it's", "192.168.1.7"],
        ...["--at=http://[fd00::7]:23002/0", "192.168.1.7:23001", "http://192.168.1.7:23000/"],
      ],
    });
  });

  it("waits until all of them answer, and fails where one does not in time", async () => {
    const { said, exitCode } = await ran("5000 192.168.1.7:23000\n", { sidecarTimeout: "2s" });
    expect([exitCode, said]).toEqual([1, ["the sidecars did not answer within 2 s"]]);
  });
});
