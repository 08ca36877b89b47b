/** Sweeps on a real Nomad, with tasks that need no container. */
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { NomadApi } from "../../nomad/api.ts";
import type { SweepStatus } from "../../sweep/gather.ts";
import { sweepConfig } from "../sweep-config.ts";
import { HOSTILE } from "../unit/synth.ts";
import { followAllocations, LONGER_THAN_A_LOOK } from "./allocation-events.ts";
import type { NomadAgent } from "./nomad-agent.ts";
import { SMALL, sweepUser, until } from "./sweep-user.ts";

const user = sweepUser();
const { directory, start, sweep, run, statusOf, allocations } = user;
let agent: NomadAgent;
let nomad: NomadApi;

beforeAll(async () => {
  agent = await user.begin();
  nomad = user.api();
});

afterAll(() => user.end());

const lines = (file: string) => readFileSync(file, "utf8").trim().split("\n");

describe("homelab sweep run", () => {
  it("runs a script over values, byte for byte the user's, and tells each task's end", async () => {
    // What Nomad's templates and its interpolation would make something of.
    const script = `#!/bin/sh\n# ${HOSTILE.replaceAll("\n", " ")} {{ env "HOME" }} \${NOMAD_TASK_DIR}\nsha256sum < "$0"; echo "value $1"\n`;
    const { stdout, exitCode } = await run(
      script,
      "--name",
      "values",
      "--map-over-values",
      "0.1, a b,$x",
      "--wait",
    );
    expect(exitCode, stdout).toBe(0);
    expect(stdout).toContain("task 1 (a b) done after ");
    expect(stdout).toMatch(/^values: 3 done; 0\.\d+ node-hours$/m);
    const logs = await sweep("logs", "values");
    const { stdout: sha256 } = await execa("sha256sum", { input: script });
    expect(logs.stdout.split("\n")).toEqual([
      ...[`[0] ${sha256}`, "[0] value 0.1", `[1] ${sha256}`, "[1] value a b"],
      ...[`[2] ${sha256}`, "[2] value $x"],
    ]);
  });

  it("hands secrets to the tasks alone, and forgets them when all are done", async () => {
    writeFileSync(join(directory, "key"), 'it\'s a "hunter3"\n');
    writeFileSync(
      join(directory, "script.sh"),
      'printf "%s\\n" "$TOKEN $KEY" > "$OUT"; until test -e "$OUT.go"; do sleep 0.1; done\n',
    );
    const out = join(directory, "secrets-seen");
    const secrets = ["--secret-env", "TOKEN", `KEY=@${join(directory, "key")}`];
    const args = [
      "run",
      ...SMALL,
      "--name",
      "secret",
      ...secrets,
      "--env",
      `OUT=${out}`,
      "--",
      "script.sh",
    ];
    const env = { TOKEN: "hunter2 $(id)" };
    const planned = await start(["run", "--dry-run", ...args.slice(1)], env);
    const { stdout, stderr, exitCode } = await start(args, env);
    expect([planned.exitCode, exitCode], planned.stderr + stderr).toEqual([0, 0]);
    await until(() => existsSync(out));
    expect(readFileSync(out, "utf8")).toBe('hunter2 $(id) it\'s a "hunter3"\n');
    expect(await nomad.get("/var/nomad/jobs/secret/sweep/task")).toBeDefined();
    const said = [planned, { stdout, stderr }];
    for (const command of ["status", "logs", "list"])
      said.push(await sweep(command, ...(command === "list" ? [] : ["secret"]), "--json"));
    writeFileSync(`${out}.go`, "");
    const waited = await sweep("wait", "secret");
    expect(waited.exitCode).toBe(0);
    for (const { stdout: out, stderr: err } of [...said, waited])
      expect(out + err).not.toContain("hunter");
    for (const path of ["/job/secret", "/job/secret/allocations", "/job/secret/evaluations"])
      expect(await nomad.getText(path)).not.toContain("hunter");
    expect(await nomad.get("/var/nomad/jobs/secret/sweep/task")).toBeUndefined();
  });

  it("leaves no secrets that an earlier sweep of its name had", async () => {
    const path = "nomad/jobs/anew/sweep/task";
    await user.api().put(`/var/${path}`, { Path: path, Items: { secrets: "hunter2", only: "\n" } });
    expect((await run("true", "--name", "anew", "--wait")).exitCode).toBe(0);
    expect(await user.api().get(`/var/${path}`)).toBeUndefined();
  });

  it("never runs more tasks at a time than --max-workers", async () => {
    const events = await followAllocations(agent.address, "capped");
    const options = ["--name", "capped", "--ntasks", "30", "--max-workers", "3", "--wait"];
    const { exitCode, stdout } = await run(LONGER_THAN_A_LOOK, ...options);
    expect(exitCode, stdout).toBe(0);
    await until(() => [...events.states.values()].every((state) => state === "complete"));
    events.end();
    expect(events.states.size).toBe(30);
    expect(Math.max(...events.running)).toBe(3);
  });

  it("is not begun where a secret's variable is not set", async () => {
    const { exitCode, stderr } = await run("true", "--name", "unset", "--secret-env", "NOT_SET");
    expect([exitCode, stderr]).toEqual([
      2,
      "error: --secret-env NOT_SET: the environment variable NOT_SET is not set; set it where you run this",
    ]);
    expect(await nomad.get("/job/unset")).toBeUndefined();
  });

  it("is not begun with more secrets than Nomad would keep", async () => {
    writeFileSync(join(directory, "certificate"), "x".repeat(70_000));
    const secret = ["--secret-env", `KEY=@${join(directory, "certificate")}`];
    const found = "error: --secret-env: found 70012 bytes in all; expected at most 65000";
    for (const more of [[], ["--dry-run"]]) {
      const { exitCode, stdout, stderr } = await run("true", "--name", "heavy", ...secret, ...more);
      expect([exitCode, stdout, stderr]).toEqual([2, "", found]);
    }
    expect(await nomad.get("/job/heavy")).toBeUndefined();
  });

  it("waits no longer than --wait-timeout, and the sweep goes on", async () => {
    const go = join(directory, "patience-go");
    const late = await run(
      `until test -e ${go}; do sleep 0.1; done`,
      ...["--name", "patience", "--wait", "--wait-timeout", "2s"],
    );
    expect([late.exitCode, late.stderr]).toEqual([
      124,
      "not done after 2 s: the sweep goes on; npx homelab sweep wait patience comes back to it",
    ]);
    writeFileSync(go, "");
    expect((await sweep("wait", "patience")).exitCode).toBe(0);
  });

  it("tells a program what it has registered, or would", async () => {
    const planned = await run("true", "--name", "told", "--ntasks", "2", "--dry-run", "--json");
    expect(JSON.parse(planned.stdout)).toEqual({
      name: "told",
      tasks: [
        { id: 0, value: "0" },
        { id: 1, value: "1" },
      ],
      job: expect.stringContaining('job "told" {'),
    });
    expect([planned.exitCode, await nomad.get("/job/told")]).toEqual([0, undefined]);
    const registered = await run("true", "--name", "told", "--ntasks", "2", "--json");
    expect(registered.exitCode, registered.stderr).toBe(0);
    expect(JSON.parse(registered.stdout)).toEqual({ name: "told", tasks: 2, namespace: "default" });
    expect((await sweep("wait", "told")).exitCode).toBe(0);
  });

  it("tells a program how it ended, and says beside it how it goes", async () => {
    const options = ["--name", "piped", "--map-over-values", "a,b", "--wait", "--json"];
    const first = await run('test "$1" = a || exit 4', ...options);
    const ended = {
      name: "piped",
      state: "failed",
      counts: expect.objectContaining({ done: 1, failed: 1 }),
      tasks: [
        expect.objectContaining({ id: 0, value: "a", state: "done", exitCode: 0 }),
        expect.objectContaining({ id: 1, value: "b", state: "failed", exitCode: 4 }),
      ],
    };
    expect([first.exitCode, JSON.parse(first.stdout)]).toEqual([1, expect.objectContaining(ended)]);
    expect(first.stderr).toMatch(/^task 1 \(b\) failed after .*: exit code 4$/m);
    for (const command of ["wait", "status"]) {
      const { stdout, exitCode } = await sweep(command, "piped", "--json");
      expect([exitCode, JSON.parse(stdout)]).toEqual([1, expect.objectContaining(ended)]);
    }
    const again = await sweep("retry", "piped", "--wait", "--json");
    expect([again.exitCode, JSON.parse(again.stdout).state]).toEqual([1, "failed"]);
  });

  it("starts a task that failed again as often as --retries says", async () => {
    const flag = join(directory, "tried");
    const script = `test -e ${flag} || { touch ${flag}; exit 9; }`;
    const { exitCode, stdout } = await run(script, "--name", "again", "--retries", "1", "--wait");
    expect(exitCode, stdout).toBe(0);
    expect(stdout).toMatch(/^0 +0 +done \(try 2\) +0 /m);
  });

  it("ends at the first failure with --fail-fast", async () => {
    const script = 'test "$1" = 0 && exit 5; sleep 60';
    const options = [
      "--name",
      "fast",
      "--ntasks",
      "4",
      "--max-workers",
      "2",
      "--fail-fast",
      "--wait",
    ];
    const { exitCode, stdout } = await run(script, ...options);
    expect(exitCode).toBe(1);
    expect(stdout).toContain("task 0 failed after ");
    expect(stdout).toMatch(/^fast: 1 failed, 3 stopped;/m);
    // There is none.
    expect(stdout).not.toContain("sweep retry");
    expect((await sweep("stop", "fast")).stdout).toBe("fast: stopped already, nothing ran");
  });

  it("has no retry where it was stopped, of what had failed before either", async () => {
    expect((await run("exit 1", "--name", "over", "--ntasks", "2", "--wait")).exitCode).toBe(1);
    expect((await sweep("stop", "over")).stdout).toBe(
      "over: failed already, nothing ran; there is no retry of it any more",
    );
    expect((await sweep("status", "over")).stdout).not.toContain("sweep retry");
    const { exitCode, stderr } = await sweep("retry", "over");
    expect([exitCode, stderr]).toEqual([
      2,
      "error: over: it was stopped; run it again with sweep run, by another --name",
    ]);
  });

  it("says that MLflow can't be asked, where its runs are to be opened", async () => {
    expect((await run("true", "--name", "opened", "--wait")).exitCode).toBe(0);
    const { exitCode, stderr } = await sweep("open", "opened", "--print");
    expect([exitCode, stderr]).toEqual([
      1,
      expect.stringMatching(/^error: MLflow at http:\/\/127.0.0.1:9: .+; npx homelab status tells/),
    ]);
  });

  it("shows with --dry-run what it would register, and registers nothing", async () => {
    const { stdout, exitCode } = await run(
      "true",
      "--name",
      "dry",
      "--grid",
      "a=1,2",
      "b=3",
      "--dry-run",
    );
    expect(exitCode).toBe(0);
    expect(stdout).toContain('job "dry" {');
    expect(stdout).toContain("1  a=2 b=3");
    expect(await nomad.get("/job/dry")).toBeUndefined();
  });

  it("says why where no client will ever do, and ends with 4", async () => {
    const gpu = await run("true", "--name", "gpu", "--gpu", "1");
    expect([gpu.exitCode, gpu.stderr]).toEqual([
      4,
      'error: no Nomad client can run the tasks: 1 of the clients refused by "missing devices"',
    ]);
    const rack = await run("true", "--name", "rack", "--constraint", "meta.rack=b");
    expect([rack.exitCode, rack.stderr]).toEqual([
      4,
      expect.stringContaining('"${meta.rack} = b"'),
    ]);
    const large = await run("true", "--name", "large", "--memory", "9000GiB");
    expect([large.exitCode, large.stderr]).toEqual([
      4,
      expect.stringMatching(/: --memory 9216000 MiB: the largest has \d+$/),
    ]);
    for (const name of ["gpu", "rack", "large"])
      expect(await nomad.get(`/job/${name}`)).toBeUndefined();
  });

  it("does not ask where there is no terminal, and takes no name twice", async () => {
    const many = await run("true", "--name", "many", "--ntasks", "101");
    expect([many.exitCode, many.stderr]).toEqual([
      2,
      expect.stringMatching(/^error: --yes: expected with 101 tasks/),
    ]);
    const twice = await run("true", "--name", "values");
    expect([twice.exitCode, twice.stderr]).toEqual([
      2,
      expect.stringMatching(/^error: --name values: Nomad has a job/),
    ]);
  });

  it("ends with 3 where Nomad can't be reached", async () => {
    writeFileSync(join(directory, "away.config.ts"), sweepConfig("http://127.0.0.1:9"));
    const env = { HOMELAB_CONFIG: join(directory, "away.config.ts") };
    const { exitCode, stderr } = await start(["list"], env);
    expect([exitCode, stderr]).toEqual([
      3,
      expect.stringContaining("Nomad at http://127.0.0.1:9: connection refused"),
    ]);
  });
});

describe("homelab sweep run --local", () => {
  const script = 'echo "value $1"; test "$1" != b || exit 3';
  const here = async (text: string, ...more: string[]) => {
    writeFileSync(join(directory, "script.sh"), text);
    const options = ["--local", "--name", "here", "--map-over-values", "a,b,c", ...more];
    // What the tasks made stays.
    const env = { TMPDIR: directory };
    return start(["run", ...options, "--", "script.sh", "$SWEEP_INPUT"], env);
  };

  it("runs the tasks on this machine, and sums up what became of them", async () => {
    const { stdout, exitCode } = await here(script);
    expect(exitCode).toBe(1);
    expect(stdout.split("\n")).toEqual([
      ...["[0] value a", "[1] value b", "[2] value c"],
      "task 1 (b): exit code 3",
      expect.stringMatching(/^here: 2 done, 1 failed; their folders are in \/\S+$/),
    ]);
    expect(await nomad.get("/job/here")).toBeUndefined();
  });

  it("tells a program, and says what the tasks say beside it", async () => {
    const { stdout, stderr, exitCode } = await here(script, "--json");
    expect(exitCode).toBe(1);
    expect(JSON.parse(stdout)).toEqual({
      name: "here",
      folder: expect.stringMatching(/^\//),
      tasks: [
        { id: 0, value: "a", exitCode: 0 },
        { id: 1, value: "b", exitCode: 3 },
        { id: 2, value: "c", exitCode: 0 },
      ],
    });
    expect(stderr).toContain("[1] value b\n");
    expect((await here("true")).exitCode).toBe(0);
  });
});

describe("a task that is killed", () => {
  it("has failed by that, what the others did stands, and a retry does it", async () => {
    const [pid, done] = [join(directory, "killed.pid"), join(directory, "killed.done")];
    const script = `if [ "$1" = b ] && [ ! -e ${pid} ]; then echo $$ > ${pid}; sleep 60; fi\necho "$1" >> ${done}\n`;
    const running = run(script, "--name", "kill", "--map-over-values", "a,b,c", "--wait");
    await until(() => existsSync(pid) && existsSync(done) && lines(done).length === 2);
    process.kill(Number(readFileSync(pid, "utf8")), "SIGKILL");
    const { stdout, exitCode } = await running;
    expect([exitCode, stdout]).toEqual([1, expect.stringMatching(/^1 +b +failed +137 /m)]);
    expect(stdout).toMatch(/^kill: 2 done, 1 failed; /m);
    expect((await sweep("retry", "kill", "--wait")).exitCode).toBe(0);
    expect(lines(done).toSorted()).toEqual(["a", "b", "c"]);
  });
});

describe("homelab sweep stop", () => {
  it("ends what runs and what waits, keeps what is done, and forgets the secrets", async () => {
    const script = 'test "$1" = 0 || sleep 60';
    await run(script, "--name", "stopped", "--ntasks", "4", "--max-workers", "1");
    await until(async () => (await allocations("stopped")).length === 2);
    const { stdout, exitCode } = await sweep("stop", "stopped");
    expect([stdout, exitCode]).toEqual([
      "stopped: stopped; 3 tasks ended or were never started",
      0,
    ]);
    await until(async () => (await statusOf("stopped")).state === "stopped");
    const { tasks } = await statusOf("stopped");
    expect(tasks.map(({ state }) => state)).toEqual(["done", "stopped", "stopped", "stopped"]);
    expect(await nomad.get("/var/nomad/jobs/stopped/sweep/task")).toBeUndefined();
    expect((await sweep("retry", "stopped")).stderr).toContain(
      "it was stopped; run it again with sweep run, by another --name",
    );
  });

  it("tells a program how many tasks it has ended", async () => {
    await run("sleep 60", "--name", "ended", "--ntasks", "3", "--max-workers", "1");
    const { stdout, exitCode } = await sweep("stop", "ended", "--json");
    expect([JSON.parse(stdout), exitCode]).toEqual([{ name: "ended", stopped: 3 }, 0]);
  });

  it("knows no sweep of another name, and takes no other job for one", async () => {
    const { stderr, exitCode } = await sweep("stop", "nothing");
    expect([exitCode, stderr]).toEqual([
      2,
      expect.stringMatching(/^error: nothing: Nomad has no sweep of that name/),
    ]);
  });
});

describe("homelab sweep list", () => {
  it("shows all sweeps, the newest first", async () => {
    const { stdout } = await sweep("list", "--json");
    const names = (JSON.parse(stdout) as SweepStatus[]).map(({ name }) => name);
    expect(names.indexOf("stopped")).toBeLessThan(names.indexOf("values"));
    expect((await sweep("list")).stdout).toMatch(/ done {5}values: 3 done; /);
  });
});

describe("--namespace", () => {
  it("keeps a sweep apart, and each command finds it there alone", async () => {
    await nomad.put("/namespace/apart", { Name: "apart" });
    const there = ["--namespace", "apart"];
    const broken = join(directory, "broken-apart");
    writeFileSync(broken, "");
    const script = `test "$1" = 0 || test ! -e ${broken} || { echo "no good"; exit 7; }`;
    const first = await run(script, "--name", "other", "--ntasks", "2", ...there, "--wait");
    expect(first.exitCode, first.stderr).toBe(1);
    expect(first.stdout).toMatch(/^other: 1 done, 1 failed; /m);
    expect(first.stdout).toContain("npx homelab sweep retry other --failed --namespace apart runs");
    const list = async (...options: string[]) =>
      (JSON.parse((await sweep("list", "--json", ...options)).stdout) as SweepStatus[]).map(
        ({ name }) => name,
      );
    expect(await list(...there)).toEqual(["other"]);
    expect(await list()).not.toContain("other");
    for (const command of ["status", "logs", "wait", "stop", "retry"])
      expect([command, (await sweep(command, "other")).exitCode]).toEqual([command, 2]);
    expect((await sweep("status", "other", ...there)).stdout).toMatch(/^1 +1 +failed +7 /m);
    expect((await sweep("logs", "other", "--failed", ...there)).stdout).toBe("[1] no good");
    rmSync(broken);
    const again = await sweep("retry", "other", "--failed", "--wait", ...there);
    expect(again.exitCode, again.stderr).toBe(0);
    expect(again.stdout).toMatch(/^other: 2 done; /m);
    expect((await sweep("wait", "other", ...there)).exitCode).toBe(0);
    expect(await user.api("apart").get("/var/nomad/jobs/other/sweep/task")).toBeUndefined();
    const long = await run("exec sleep 60", "--name", "long", ...there);
    expect(long.stdout).toContain("npx homelab sweep wait long --namespace apart shows");
    const late = await sweep("wait", "long", ...there, "--timeout", "1s");
    expect(late.stderr).toContain("npx homelab sweep wait long --namespace apart comes back to it");
    expect((await sweep("stop", "long", ...there)).exitCode).toBe(0);
    const { exitCode } = await sweep("wait", "long", ...there);
    expect(exitCode).toBe(1);
  });

  it("that Nomad does not have is told before anything is registered", async () => {
    const there = ["--namespace", "nowhere"];
    const all = [
      run("true", "--name", "x", ...there),
      ...[["list"], ["list", "--json"], ["status", "x"], ["wait", "x"], ["stop", "x"]].map((args) =>
        sweep(...args, ...there),
      ),
    ];
    for (const { exitCode, stderr } of await Promise.all(all))
      expect([exitCode, stderr]).toEqual([
        2,
        "error: namespace nowhere: Nomad has none of that name; expected apart, default, by --namespace or nomad.namespace",
      ]);
  });
});
