/** Retries of sweeps on a real Nomad, with tasks that need no container. */
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { NomadApi } from "../../nomad/api.ts";
import type { NomadNode } from "../../nomad/types.ts";
import { followAllocations, LONGER_THAN_A_LOOK } from "./allocation-events.ts";
import type { NomadAgent } from "./nomad-agent.ts";
import { ids, SMALL, sweepUser, until } from "./sweep-user.ts";

const user = sweepUser();
const { directory, sweep, run, statusOf, allocations } = user;
let agent: NomadAgent;
let nomad: NomadApi;

beforeAll(async () => {
  agent = await user.begin();
  nomad = user.api();
});

afterAll(() => user.end());

describe("homelab sweep retry", () => {
  const broken = () => join(directory, "broken");
  const begun = () => join(directory, "begun");
  const script = () =>
    `echo "$1" >>${begun()}; case "$1" in 3|7|12) test ! -e ${broken()} || { echo "no good: $1"; exit 7; };; esac`;

  it("runs those that failed again and no others; then the sweep is done", async () => {
    writeFileSync(broken(), "");
    const first = await run(script(), "--name", "three", "--ntasks", "20", "--wait");
    expect(first.exitCode, first.stdout).toBe(1);
    expect(first.stdout).toMatch(/what task (3|7|12) said last:\n {2}no good: \1$/m);
    const said = ["[3] no good: 3", "[7] no good: 7", "[12] no good: 12"];
    expect((await sweep("logs", "three", "--failed")).stdout.split("\n")).toEqual(said);
    rmSync(broken());
    const again = await sweep("retry", "three", "--failed", "--wait");
    expect(again.exitCode, again.stdout).toBe(0);
    expect(again.stdout).toContain("three: tasks 3, 7, 12 again");
    expect(again.stdout).toMatch(/^three: 20 done;/m);
    const all = readFileSync(begun(), "utf8").trim().split("\n").map(Number);
    const twice = [...Array(20).keys()].flatMap((id) => ([3, 7, 12].includes(id) ? [id, id] : id));
    expect(all.sort((a, b) => a - b)).toEqual(twice);
  });

  it("runs only the tasks that are named; what the others did before stands", async () => {
    writeFileSync(broken(), "");
    expect((await run(script(), "--name", "named", "--ntasks", "20", "--wait")).exitCode).toBe(1);
    rmSync(broken());
    const wrong = await sweep("retry", "named", "--task", "2,3,99");
    expect([wrong.exitCode, wrong.stderr]).toEqual([
      2,
      "error: --task 2: it is done; expected a task that failed\nerror: --task 99: named has no such task; expected one of its numbers",
    ]);
    expect((await sweep("retry", "named", "--task", "7", "--wait")).exitCode).toBe(1);
    const { tasks } = await statusOf("named");
    expect(ids(tasks, "failed")).toEqual([3, 12]);
    expect(tasks[3]).toMatchObject({ exitCode: 7 });
    expect((await sweep("logs", "named", "--task", "12")).stdout).toBe("no good: 12");
    // And all that is left, after that.
    expect((await sweep("retry", "named", "--wait")).exitCode).toBe(0);
  });

  it("takes ranges, and tells a program which tasks run again", async () => {
    const script = `case "$1" in 2|5|6|7|9) test ! -e ${broken()} || exit 7;; esac`;
    writeFileSync(broken(), "");
    expect((await run(script, "--name", "ranges", "--ntasks", "10", "--wait")).exitCode).toBe(1);
    rmSync(broken());
    const again = await sweep("retry", "ranges", "--task", "2,5-7", "--json");
    expect(again.exitCode, again.stderr).toBe(0);
    expect(JSON.parse(again.stdout)).toEqual({ name: "ranges", again: [2, 5, 6, 7] });
    expect((await sweep("wait", "ranges")).exitCode).toBe(1);
    expect(ids((await statusOf("ranges")).tasks, "failed")).toEqual([9]);
  });
});

describe("homelab sweep retry of some tasks", () => {
  it("leaves the others as they were, when Nomad has forgotten them too", async () => {
    const broken = join(directory, "broken-some");
    const script = `test "$1" = 0 || test ! -e ${broken} || exit 7`;
    writeFileSync(broken, "");
    expect((await run(script, "--name", "some", "--ntasks", "5", "--wait")).exitCode).toBe(1);
    rmSync(broken);
    const left = async () => {
      const { tasks } = await statusOf("some");
      return [ids(tasks, "done"), ids(tasks, "failed")];
    };
    expect((await sweep("retry", "some", "--task", "1", "--wait")).exitCode).toBe(1);
    // As nomad job eval -force-reschedule: Nomad marks them, and starts none of an earlier version.
    const force = { JobID: "some", EvalOptions: { ForceReschedule: true } };
    await nomad.post("/job/some/evaluate", force);
    expect(await left()).toEqual([
      [0, 1],
      [2, 3, 4],
    ]);
    await nomad.put("/system/gc", {});
    await until(async () => (await allocations("some")).length === 1);
    expect(await allocations("some")).toMatchObject([{ JobVersion: 1 }]);
    expect(await left()).toEqual([
      [0, 1],
      [2, 3, 4],
    ]);
    const { tasks } = await statusOf("some");
    expect(tasks[3]).toMatchObject({ state: "failed", reason: "Nomad has forgotten how" });
    expect((await sweep("retry", "some", "--task", "3", "--wait")).exitCode).toBe(1);
    await nomad.put("/system/gc", {});
    expect(await left()).toEqual([
      [0, 1, 3],
      [2, 4],
    ]);
    expect((await sweep("retry", "some", "--failed", "--wait")).exitCode).toBe(0);
    await nomad.put("/system/gc", {});
    expect(await left()).toEqual([[0, 1, 2, 3, 4], []]);
  });
});

describe("homelab sweep retry of a sweep with --max-workers", () => {
  const broken = () => join(directory, "broken-capped");
  const options = ["--name", "again-capped", "--ntasks", "12", "--max-workers", "2"];
  const script = () =>
    `test ! -e ${broken()} || exit 7; echo "task $1 of $SWEEP_INDEX"; ${LONGER_THAN_A_LOOK}`;

  it("never runs more tasks at a time than that, either", async () => {
    writeFileSync(broken(), "");
    expect((await run(script(), ...options, "--wait")).exitCode).toBe(1);
    rmSync(broken());
    const events = await followAllocations(agent.address, "again-capped");
    // Another number than the task's place among those that run again.
    const again = await sweep("retry", "again-capped", "--task", "5-11", "--wait");
    expect(again.exitCode, again.stderr).toBe(1);
    expect(again.stdout).toMatch(/^again-capped: 7 done, 5 failed; /m);
    expect((await sweep("logs", "again-capped", "--task", "9")).stdout).toBe("task 9 of 9");
    expect((await sweep("retry", "again-capped", "--failed", "--wait")).exitCode).toBe(0);
    events.end();
    expect(Math.max(...events.running)).toBe(2);
    const { tasks, counts } = await statusOf("again-capped");
    expect(counts.done).toBe(12);
    expect((await sweep("logs", "again-capped")).stdout.split("\n")).toEqual(
      tasks.map(({ id }) => `[${id}] task ${id} of ${id}`),
    );
  });

  it("is refused before its end", async () => {
    const go = join(directory, "capped-goes");
    const script = `test "$1" != 0 || exit 1; until test -e ${go}; do sleep 0.1; done`;
    const options = ["--name", "goes-on", "--ntasks", "3", "--max-workers", "1"];
    expect((await run(script, ...options)).exitCode).toBe(0);
    await until(async () => ids((await statusOf("goes-on")).tasks, "failed").length > 0);
    const { exitCode, stderr } = await sweep("retry", "goes-on", "--failed");
    expect([exitCode, stderr]).toEqual([
      2,
      "error: goes-on: it still runs, and Nomad would not keep to --max-workers 1; expected its end, see sweep wait",
    ]);
    writeFileSync(go, "");
    expect((await sweep("wait", "goes-on")).exitCode).toBe(1);
  });
});

describe("homelab sweep retry of a sweep that still runs", () => {
  const go = join(directory, "all-go");
  const waits = `until test -e ${go}; do sleep 0.1; done`;

  it("runs all that failed, and keeps none of those that wait for their turn from running", async () => {
    writeFileSync(
      join(directory, "script.sh"),
      `case "$1" in 0) exit 1;; 1) test -e ${go}.1 || { touch ${go}.1; exit 1; };; 2) ${waits};; esac`,
    );
    // There is room for one of them at a time.
    const [node] = (await nomad.get<NomadNode[]>("/nodes", { resources: "true" })) ?? [];
    const cpu = String(Math.ceil((node?.NodeResources?.Cpu.CpuShares ?? 0) * 0.6));
    const options = ["--name", "one-of", "--ntasks", "5", ...SMALL, "--cpu", cpu];
    expect((await sweep("run", ...options, "--", "script.sh", "$SWEEP_INPUT")).exitCode).toBe(0);
    await until(async () => {
      const { tasks } = await statusOf("one-of");
      return ids(tasks, "failed").join() === "0,1" && ids(tasks, "running").length > 0;
    });
    const some = await sweep("retry", "one-of", "--task", "1");
    expect([some.exitCode, some.stderr]).toEqual([
      2,
      "error: one-of: it still runs, and Nomad would start task 0 again as well; expected --failed, or its end, see sweep wait",
    ]);
    const all = await sweep("retry", "one-of", "--task", "0,1");
    expect([all.exitCode, all.stdout]).toEqual([0, "one-of: tasks 0, 1 again"]);
    writeFileSync(go, "");
    expect((await sweep("wait", "one-of")).exitCode).toBe(1);
    const { tasks } = await statusOf("one-of");
    expect([ids(tasks, "done"), ids(tasks, "failed")]).toEqual([[1, 2, 3, 4], [0]]);
    expect(await allocations("one-of")).toHaveLength(7);
    rmSync(go);
  });

  it("is refused while an earlier one of it runs, and takes what is left after that", async () => {
    const gone = join(directory, "gone");
    const script = `test -e ${gone} || exit 1; test "$1" != 2 || { ${waits}; }; test "$1" != 1 || exit 3`;
    expect((await run(script, "--name", "twice", "--ntasks", "4", "--wait")).exitCode).toBe(1);
    writeFileSync(gone, "");
    expect((await sweep("retry", "twice", "--task", "1,2")).exitCode).toBe(0);
    await until(async () => ids((await statusOf("twice")).tasks, "failed").join() === "0,1,3");
    const { exitCode, stderr } = await sweep("retry", "twice", "--failed");
    expect([exitCode, stderr]).toEqual([
      2,
      "error: twice: it still runs, as a retry; expected its end, see sweep wait",
    ]);
    writeFileSync(go, "");
    expect((await sweep("wait", "twice")).exitCode).toBe(1);
    expect((await sweep("retry", "twice", "--task", "0,3", "--wait")).exitCode).toBe(1);
    const { tasks } = await statusOf("twice");
    expect([ids(tasks, "done"), ids(tasks, "failed")]).toEqual([[0, 2, 3], [1]]);
    expect(tasks[1]).toMatchObject({ exitCode: 3 });
  });
});

describe("homelab sweep retry of a sweep with secrets", () => {
  it("gives them to the tasks again, and says so where they are gone", async () => {
    const failing = join(directory, "secret-fails");
    writeFileSync(failing, "");
    const script = `test ! -e ${failing} || exit 1; test "$TOKEN" = hunter2 || exit 9`;
    writeFileSync(join(directory, "token"), "hunter2");
    const secret = ["--secret-env", `TOKEN=@${join(directory, "token")}`];
    const options = ["--name", "hushed", "--ntasks", "2", ...secret, "--wait"];
    expect((await run(script, ...options)).exitCode).toBe(1);
    rmSync(failing);
    expect((await sweep("retry", "hushed", "--task", "1", "--wait")).exitCode).toBe(1);
    expect(ids((await statusOf("hushed")).tasks, "done")).toEqual([1]);
    await nomad.delete("/var/nomad/jobs/hushed/sweep/task");
    const { exitCode, stderr } = await sweep("retry", "hushed", "--failed");
    expect([exitCode, stderr]).toEqual([
      2,
      expect.stringContaining("hushed: found no Nomad variable nomad/jobs/hushed/sweep/task, with"),
    ]);
  });
});
