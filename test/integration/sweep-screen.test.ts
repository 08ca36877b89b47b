/** What a user sees of sweeps that run, on a real Nomad: the screen of a terminal, and logs that go on. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { gatherSweep } from "../../sweep/gather.ts";
import { parseJob } from "../../sweep/register.ts";
import { SMALL, sweepUser } from "./sweep-user.ts";

const PATIENCE = { timeout: 60_000, interval: 200 };
const CTRL_C = "\x03";

const user = sweepUser();
const { directory, onTerminal, start, sweep } = user;

beforeAll(() => user.begin());
afterAll(() => user.end());

/** Registers a sweep of a shell script whose tasks wait for a file. @returns what makes it */
async function started(name: string, script: string, values: string) {
  const go = join(directory, `${name}.go`);
  const wait = `wait_to_go() { until test -e ${go}; do sleep 0.1; done; }\n`;
  writeFileSync(join(directory, "script.sh"), wait + script);
  const args = [...SMALL, "--name", name, "--map-over-values", values];
  const { exitCode, stderr } = await sweep("run", ...args, "--", "script.sh", "$SWEEP_INPUT");
  expect(exitCode, stderr).toBe(0);
  return () => writeFileSync(go, "");
}

const running = async (name: string) => (await gatherSweep(user.api(), name)).counts.running;

describe("the screen of who waits for a sweep", () => {
  it("has a bar, counts, and the running tasks with what each said last, on either output", async () => {
    const go = await started(
      "shown",
      `case "$1" in
a) ;;
b) exit 3 ;;
c) echo warning >&2; sleep 1; echo epoch 1; echo epoch 2; wait_to_go ;;
d) echo loaded; sleep 3; printf '\\r 10%%\\r 20%% of it\\r' >&2; wait_to_go ;;
esac
`,
      "a,b,c,d",
    );
    const { running, seen } = onTerminal("wait", "shown");
    await expect.poll(seen, PATIENCE).toMatch(/task 2 \(c\) epoch 2/);
    await expect.poll(seen, PATIENCE).toMatch(/task 3 \(d\) loaded/);
    await expect.poll(seen, PATIENCE).toMatch(/task 3 \(d\) 20% of it/);
    expect(seen()).toContain(
      "shown [############------------] 2 of 4, 1 failed, 2 running, about ",
    );
    go();
    const { exitCode } = await running;
    expect(exitCode).toBe(1);
    expect(seen()).toMatch(/^. shown \[#{24}\] 4 of 4, 1 failed\r?$/m);
    expect(seen()).toMatch(/^shown: 3 done, 1 failed; 0\.\d+ node-hours\r?$/m);
    expect(seen()).toContain("what task 1 (b) said last:");
  });

  it("is left by Ctrl-C, and says how to come back to the sweep", async () => {
    const go = await started("left", "echo begun; wait_to_go", "a");
    const { running, seen } = onTerminal("wait", "left");
    await expect.poll(seen, PATIENCE).toMatch(/task 0 \(a\) begun/);
    running.stdin.write(CTRL_C);
    expect((await running).exitCode).toBe(130);
    expect(seen()).toContain("detached: the sweep goes on; npx homelab sweep wait left comes back");
    go();
    expect((await sweep("wait", "left")).exitCode).toBe(0);
  });
});

interface Groups {
  readonly TaskGroups: readonly object[];
}

/** Registers a sweep of one task whose job is another one than the command would make. */
async function registerChanged(
  name: string,
  script: string,
  change: (hcl: string) => string,
  more: (job: Groups) => Groups = (job) => job,
) {
  writeFileSync(join(directory, "script.sh"), script);
  const args = [...SMALL, "--name", name, "--map-over-values", "a", "--dry-run", "--json"];
  const { stdout } = await sweep("run", ...args, "--", "script.sh");
  const job = await parseJob(user.api(), change(JSON.parse(stdout).job));
  const path = `nomad/jobs/${name}/sweep/task`;
  await user.api().put(`/var/${path}`, { Path: path, Items: { secrets: "\n", only: "\n" } });
  await user.api().post("/jobs", { Job: more(job as Groups) });
}

describe("a task that never begins", () => {
  it("is told of with Nomad's reason, by status too", async () => {
    await registerChanged("unborn", "true", (hcl) => hcl.replaceAll('"/bin/sh"', '"/nowhere/sh"'));
    const { exitCode, stdout } = await sweep("wait", "unborn");
    expect(exitCode).toBe(1);
    const told = /^task 0 \(a\) said nothing; why it failed, by Nomad:\n {2}.*\/nowhere\/sh/m;
    expect(stdout).toMatch(told);
    const status = await sweep("status", "unborn");
    expect([status.exitCode, status.stdout]).toEqual([1, expect.stringMatching(told)]);
  });
});

describe("a sidecar that dies", () => {
  /** Registers a sweep whose sidecar needs no container; its task waits for ever. */
  async function withSidecar(name: string, sidecar: string) {
    const task = (Name: string, script: string, Lifecycle?: object) => ({
      ...{ Name, Driver: "raw_exec", Lifecycle, Resources: { CPU: 10, MemoryMB: 10 } },
      Config: { command: "/bin/sh", args: ["-c", script] },
    });
    const group = {
      ...{ Name: "tracker", Count: 1 },
      RestartPolicy: { Attempts: 1, Interval: 600e9, Delay: 4e9, Mode: "fail" },
      ReschedulePolicy: { Attempts: 0, Unlimited: false },
      Tasks: [
        task("mlflow", sidecar, { Hook: "prestart", Sidecar: true }),
        task("ready", "sleep 600", { Hook: "prestart" }),
        task("watch", "sleep 600"),
      ],
    };
    const withGroup = (job: Groups) => ({ ...job, TaskGroups: [...job.TaskGroups, group] });
    await registerChanged(name, "sleep 600", (hcl) => hcl, withGroup);
  }

  it("is told of while Nomad starts it again, and then with its last output at once", async () => {
    await withSidecar("dying", "echo no such option: --prot >&2; exit 3");
    const status = async () => (await sweep("status", "dying")).stdout;
    await expect
      .poll(status, PATIENCE)
      .toMatch(/^sidecar mlflow: starting on \S+, failed once, exit code 3 last$/m);
    const waiting = start(["wait", "dying"]);
    let seen = "";
    waiting.stdout.on("data", (data) => {
      seen += data;
    });
    const failed =
      "sidecar mlflow: mlflow failed: exit code 3; tasks that wait for it fail in time, npx homelab sweep stop dying ends them now\n  mlflow: no such option: --prot";
    await expect.poll(() => seen, PATIENCE).toContain(failed);
    expect(await status()).toContain(failed);
    expect((await sweep("stop", "dying")).exitCode).toBe(0);
    const { exitCode, stdout } = await waiting;
    expect(exitCode).toBe(1);
    expect(stdout.split(failed)).toHaveLength(2);
  });
});

describe("homelab sweep logs", () => {
  it("goes on with -f until the sweep has ended, and leaves out no last line", async () => {
    const go = await started("followed", 'echo "begun $1"; wait_to_go; printf "over $1"', "a,b");
    await expect.poll(() => running("followed"), PATIENCE).toBe(2);
    const following = start(["logs", "followed", "-f"]);
    let seen = "";
    following.stdout.on("data", (data) => {
      seen += data;
    });
    await expect.poll(() => seen, PATIENCE).toMatch(/^\[0\] begun a$/m);
    await expect.poll(() => seen, PATIENCE).toMatch(/^\[1\] begun b$/m);
    expect(seen).not.toContain("over");
    go();
    const { stdout, exitCode } = await following;
    expect(exitCode).toBe(0);
    expect(stdout.split("\n").toSorted()).toEqual([
      ...["[0] begun a", "[0] over a", "[1] begun b", "[1] over b"],
    ]);
  });

  it("is a JSON object a line with --json", async () => {
    const go = await started("as-json", 'echo "it is \\"$1\\""; echo no >&2', "a,b");
    go();
    expect((await sweep("wait", "as-json")).exitCode).toBe(0);
    const { stdout } = await sweep("logs", "as-json", "--json", "--task", "1");
    expect(stdout.split("\n").map((line) => JSON.parse(line))).toEqual([
      { task: 1, value: "b", stream: "stdout", line: 'it is "b"' },
      { task: 1, value: "b", stream: "stderr", line: "no" },
    ]);
  });
});

describe("node-hours of a sweep", () => {
  it("have the time of each try on a client in them", async () => {
    writeFileSync(join(directory, "tried.sh"), "sleep 2; test $1 = b || exit 1");
    const args = [...SMALL, "--name", "tried", "--map-over-values", "a,b", "--retries", "1"];
    await sweep("run", ...args, "--wait", "--", "tried.sh", "$SWEEP_INPUT");
    const [failed, done] = (await gatherSweep(user.api(), "tried")).tasks;
    expect(failed?.restarts).toBe(1);
    expect(failed?.seconds).toBeLessThan(3.5);
    expect(failed?.clientSeconds).toBeGreaterThan(4);
    expect(failed?.clientSeconds).toBeLessThan(7);
    expect(done?.clientSeconds).toBeCloseTo(done?.seconds ?? 0);
  });
});

describe("a job that says it is a sweep, and of which no tasks can be read", () => {
  it("is told of in a line, and hides no other sweep", async () => {
    const go = await started("readable", "true", "a");
    go();
    const task = {
      Name: "main",
      Driver: "raw_exec",
      Config: { command: "sleep", args: ["60"] },
      Resources: { CPU: 10, MemoryMB: 10 },
    };
    const Job = {
      ...{ ID: "strange", Name: "strange", Type: "batch", Datacenters: ["dc1"] },
      Meta: { homelab_mlflow_sweep: new Date().toISOString() },
      TaskGroups: [{ Name: "main", Count: 1, Tasks: [task] }],
    };
    await user.api().post("/jobs", { Job });
    const why = /^error: strange: .* found no group "sweep"; .* nomad job stop strange/;
    for (const command of ["status", "stop"]) {
      const { exitCode, stdout, stderr } = await sweep(command, "strange");
      expect([exitCode, stdout, stderr]).toEqual([2, "", expect.stringMatching(why)]);
    }
    const { exitCode, stdout, stderr } = await sweep("list");
    expect([exitCode, stdout]).toEqual([0, expect.stringContaining(" readable: ")]);
    expect(stderr).toMatch(/^strange: .* found no group "sweep"/);
  });
});
