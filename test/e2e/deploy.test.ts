import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";
import { beforeAll, describe, expect, it } from "vitest";
import { ROOT } from "../../config/load.ts";
import { pidFile } from "../../lab/settings.ts";
import type { NomadAllocation, NomadJob } from "../../nomad/types.ts";
import { Checkout } from "../checkout.ts";
import { dockerHost, nomad, nomadBinary, settings, url } from "../deployed.ts";
import { testToolsDirectory } from "../tools.ts";

let checkout: Checkout;
/** The run that is logged first and has to be there after everything that follows. */
let logged: { run: string; sha256: string };

beforeAll(async () => {
  checkout = await Checkout.create("deploy");
});

async function client(...args: string[]) {
  const script = join(ROOT, "test", "e2e", "client.py");
  const { stdout } = await execa(join(testToolsDirectory(), "python"), [script, ...args], {
    env: { MLFLOW_TRACKING_URI: url, MLFLOW_HTTP_REQUEST_MAX_RETRIES: "2" },
  });
  return JSON.parse(stdout.split("\n").at(-1) ?? "");
}

async function expectRunIsThere(): Promise<void> {
  const read = await client("read", logged.run);
  expect(read).toEqual({
    rate: "0.1",
    history: [1, 1 / 2, 1 / 3, 1 / 4, 1 / 5],
    sha256: logged.sha256,
  });
}

async function answers(): Promise<boolean> {
  return fetch(`${url}/health`).then(
    (answer) => answer.ok,
    () => false,
  );
}

async function untilItAnswers(seconds: number): Promise<void> {
  const end = Date.now() + seconds * 1000;
  while (!(await answers())) {
    if (Date.now() > end) throw new Error(`${url} does not answer after ${seconds} s`);
    await sleep(500);
  }
}

async function runningAllocation(): Promise<NomadAllocation> {
  const all = (await nomad.get<NomadAllocation[]>("/job/mlflow/allocations")) ?? [];
  const running = all.filter((each) => each.ClientStatus === "running");
  expect(running).toHaveLength(1);
  return running[0] as NomadAllocation;
}

/** The environment of an allocation's container, which Nomad names after task and allocation. */
async function environment({ ID }: NomadAllocation): Promise<string[]> {
  const inspect = ["inspect", "--format", "{{json .Config.Env}}", `mlflow_app-${ID}`];
  const { stdout } = await execa("docker", inspect, {
    env: { DOCKER_HOST: dockerHost },
  });
  return JSON.parse(stdout);
}

async function runningImage(): Promise<string> {
  const job = await nomad.get<NomadJob>("/job/mlflow");
  return job?.TaskGroups[0]?.Tasks[0]?.Config.image ?? "";
}

/** The ids of all resources in Terraform's state: a resource that was made again has another. */
function resourceIds(): string[] {
  const state = JSON.parse(readFileSync(settings.terraform.stateFile, "utf8"));
  return state.resources.map(
    (each: { type: string; instances: { attributes: { id: string } }[] }) =>
      `${each.type} ${each.instances[0]?.attributes.id}`,
  );
}

async function kill(server: "dockerd" | "nomad"): Promise<void> {
  process.kill(JSON.parse(readFileSync(pidFile(settings, server), "utf8")).pid, "SIGKILL");
  await sleep(1000);
}

describe("make deploy", () => {
  it("ends with an MLflow that a client can log to", async () => {
    const { output, exitCode } = await checkout.make("deploy");
    expect(output).toContain("MLflow is up, and was checked from outside.");
    expect(output).toContain(url);
    expect(exitCode).toBe(0);
    logged = await client("log");
    await expectRunIsThere();
  });

  it("again changes nothing and says so", async () => {
    const before = [await runningAllocation(), resourceIds()];
    const { output, exitCode } = await checkout.make("deploy");
    expect(output).toContain("Nothing to change: everything is as configured.");
    expect(exitCode).toBe(0);
    expect([await runningAllocation(), resourceIds()]).toEqual(before);
  });

  it("with another config rolls the job and keeps the data", async () => {
    const before = await runningAllocation();
    checkout.configure('server: { env: { E2E_MARK: "a\\"b$' + '{x}{{y}}" } }');
    const { output, exitCode } = await checkout.make("deploy");
    expect(output).toContain("MLflow is up");
    expect(exitCode).toBe(0);
    const after = await runningAllocation();
    expect(after.ID).not.toBe(before.ID);
    expect(await environment(after)).toContain('E2E_MARK=a"b${x}{{y}}');
    await expectRunIsThere();
  });

  it("with a new version.txt pushes a new tag", async () => {
    checkout.write("version.txt", "9.9.9\n");
    expect((await checkout.make("deploy")).exitCode).toBe(0);
    const registry = `http://127.0.0.1:${settings.ports.registry}`;
    const tags = (await (await fetch(`${registry}/v2/mlflow/tags/list`)).json()) as {
      tags: string[];
    };
    expect(tags.tags).toContain("v9.9.9");
    await expectRunIsThere();
  });

  it("with an image that can't serve fails while the old server keeps answering, and the next good one recovers", async () => {
    const before = await runningAllocation();
    const entrypoint = checkout.read("image/entrypoint.sh");
    checkout.write(
      "image/entrypoint.sh",
      entrypoint.replace("set -eu", "set -eu\necho broken on purpose >&2; exit 7"),
    );
    const failed = await checkout.make("deploy");
    expect(failed.exitCode).not.toBe(0);
    expect(failed.output).toContain("broken on purpose");
    expect((await runningAllocation()).ID).toBe(before.ID);
    await expectRunIsThere();

    checkout.write("image/entrypoint.sh", entrypoint);
    expect((await checkout.make("deploy")).exitCode).toBe(0);
    await expectRunIsThere();
  });

  it("with a config the server dies of fails with its last log lines, and Nomad brings the old one back", async () => {
    const image = await runningImage();
    checkout.configure(
      'server: { env: { PYTHONHOME: "/nowhere" } }, job: { ...embedded.job, healthyDeadline: 30 }',
    );
    const failed = await checkout.make("deploy");
    expect(failed.exitCode).not.toBe(0);
    expect(failed.output).toContain("No module named 'encodings'");
    await untilItAnswers(90);
    expect(await runningImage()).toBe(image);
    await expectRunIsThere();

    checkout.configure("");
    expect((await checkout.make("deploy")).exitCode).toBe(0);
    await expectRunIsThere();
  });

  it("killed half-way is finished by the next", async () => {
    checkout.write("image/serve.py", `${checkout.read("image/serve.py")}\n# changed\n`);
    const half = checkout.start("deploy");
    await sleep(12_000);
    if (half.pid) process.kill(-half.pid, "SIGKILL");
    await half;
    const { output, exitCode } = await checkout.make("deploy");
    expect(output).toContain("MLflow is up");
    expect(exitCode).toBe(0);
    await expectRunIsThere();
  });

  it("interrupted half-way ends cleanly with 130, and is finished by the next", async () => {
    checkout.configure('server: { env: { E2E_MARK: "interrupted" } }');
    const half = checkout.start("deploy");
    // Its last step: Terraform is at work by then, with the image and the job behind it.
    await new Promise<void>((resolve) => {
      half.all.on("data", (data) => {
        if (String(data).includes("allocation ")) resolve();
      });
      half.all.on("end", resolve);
    });
    if (half.pid) process.kill(-half.pid, "SIGINT");
    const { all } = await half;
    expect(String(all)).toContain("interrupted: waiting for Terraform to end cleanly");
    expect(String(all)).toContain("the deploy was interrupted; runs and artifacts are untouched");
    expect(String(all)).toContain("Error 130");
    await untilItAnswers(90);
    await expectRunIsThere();

    const { output, exitCode } = await checkout.make("deploy");
    expect(output).not.toContain("another deploy is running");
    expect(output).toContain("MLflow is up");
    expect(exitCode).toBe(0);
    checkout.configure("");
    expect((await checkout.make("deploy")).exitCode).toBe(0);
    await expectRunIsThere();
  });

  it("stops at a wrong config before anything is touched", async () => {
    const before = resourceIds();
    checkout.configure("server: { workers: 0 }, colour: 1 as never");
    const { output, exitCode } = await checkout.make("deploy");
    expect(exitCode).not.toBe(0);
    expect(output).toContain("error: homelab.config.ts: server.workers: found 0");
    expect(output).toContain("error: homelab.config.ts: colour: unknown key");
    expect(output).not.toMatch(/^\s+at /m);
    expect(resourceIds()).toEqual(before);
    checkout.configure("");
  });

  it("does not overwrite a job that somebody else registered", async () => {
    checkout.configure('job: { ...embedded.job, name: "foreign" }, service: { name: "foreign" }');
    const spec = `job "foreign" {
      group "g" {
        task "t" {
          driver = "docker"
          config {
            image = "none"
          }
        }
      }
    }`;
    const env = { NOMAD_ADDR: nomad.address };
    await execa(nomadBinary, ["job", "run", "-detach", "-"], { env, input: spec });
    const { output, exitCode } = await checkout.make("deploy");
    expect(exitCode).not.toBe(0);
    expect(output).toMatch(
      /a job "foreign" is there that was not deployed from here; set job\.adopt/,
    );
    await execa(nomadBinary, ["job", "stop", "-purge", "-detach", "foreign"], { env });
    checkout.configure("");
    expect((await checkout.make("deploy")).exitCode).toBe(0);
    await expectRunIsThere();
  });
});

describe("the deployed server", () => {
  it("comes back with its data when its process is killed", async () => {
    const { ID } = await runningAllocation();
    const docker = ["--host", dockerHost];
    const names = await execa("docker", [...docker, "ps", "--quiet", "--filter", `name=${ID}`]);
    await execa("docker", [...docker, "kill", names.stdout.trim()]);
    expect(await answers()).toBe(false);
    await untilItAnswers(120);
    await expectRunIsThere();
  });

  it("goes on while Nomad is killed and started again", async () => {
    const before = await runningAllocation();
    await kill("nomad");
    await expectRunIsThere();
    expect((await checkout.make("lab-up")).exitCode).toBe(0);
    expect((await runningAllocation()).ID).toBe(before.ID);
    await expectRunIsThere();
  });

  it("comes back with its data when dockerd is killed and started again", async (context) => {
    if (!existsSync(pidFile(settings, "dockerd")))
      return context.skip("Docker ran before these tests and is not theirs to kill");
    await kill("dockerd");
    // The pid of its containerd is another process's now, or a zombie's: dockerd does not see that.
    writeFileSync(join(settings.docker.execDir, "containerd", "containerd.pid"), `${process.pid}`);
    expect((await checkout.make("lab-up")).exitCode).toBe(0);
    await untilItAnswers(180);
    await expectRunIsThere();
  });
});

describe("make destroy", () => {
  it("stops MLflow and leaves the data, which the next deploy finds", async () => {
    const { exitCode } = await checkout.make("destroy", "YES=1");
    expect(exitCode).toBe(0);
    expect(await nomad.get("/job/mlflow")).toBeUndefined();
    expect(existsSync(join(settings.volumes.backendStore, "mlflow.db"))).toBe(true);
    expect((await checkout.make("deploy")).exitCode).toBe(0);
    await expectRunIsThere();
  });
});

describe("make diff", () => {
  it("says that there are no changes, or what they are", async () => {
    expect((await checkout.make("diff")).output).toContain("No changes.");
    checkout.configure("server: { workers: 1 }");
    const { output, exitCode } = await checkout.make("diff");
    expect(output).toMatch(/^ +- +HOMELAB_WORKERS = "2"$/m);
    expect(output).toMatch(/^ +\+ +HOMELAB_WORKERS = "1"$/m);
    expect(output).not.toContain("kill_signal");
    expect(output).toMatch(/^Plan: \d to add/m);
    expect(exitCode).toBe(0);
    checkout.configure("");
  });
});

describe("make lab-down", () => {
  it("and a deploy after it: MLflow is back with its data", async () => {
    expect((await checkout.make("lab-down")).exitCode).toBe(0);
    expect(await answers()).toBe(false);
    const refused = await checkout.make("build");
    expect(refused.output).toContain("the embedded homelab does not run: run make lab-up first");
    expect((await checkout.make("deploy")).exitCode).toBe(0);
    await expectRunIsThere();
  });
});
