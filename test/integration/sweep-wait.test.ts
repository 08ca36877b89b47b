/** Who waits for a sweep on a real Nomad, and leaves, or loses it. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { NomadAgent } from "./nomad-agent.ts";
import { SMALL, sweepUser, until } from "./sweep-user.ts";

const user = sweepUser();
const { directory, start, sweep, run, statusOf, allocations } = user;
let agent: NomadAgent;

beforeAll(async () => {
  agent = await user.begin();
});

afterAll(() => user.end());

const lines = (file: string) => readFileSync(file, "utf8").trim().split("\n");

describe("who waits", () => {
  it("may be killed: the sweep goes on, and another comes back to it", async () => {
    writeFileSync(join(directory, "script.sh"), "sleep 1");
    const waiting = start([
      "run",
      ...SMALL,
      "--name",
      "killed",
      "--ntasks",
      "8",
      "--max-workers",
      "2",
      "--wait",
      "--",
      "script.sh",
    ]);
    await until(async () =>
      (await allocations("killed")).some((each) => each.ClientStatus === "complete"),
    );
    waiting.kill("SIGKILL");
    await waiting;
    const { stdout, exitCode } = await sweep("wait", "killed");
    expect(exitCode, stdout).toBe(0);
    expect(stdout).toMatch(/^killed: 8 done;/m);
    expect(await allocations("killed")).toHaveLength(8);
  });

  it("leaves by Ctrl-C, or when the time is over, and is told how to come back", async () => {
    const path = join(directory, "go");
    writeFileSync(join(directory, "script.sh"), `until test -e ${path}; do sleep 0.1; done`);
    const waiting = start(["run", ...SMALL, "--name", "left", "--wait", "--", "script.sh"]);
    await until(async () =>
      (await allocations("left")).some((each) => each.ClientStatus === "running"),
    );
    waiting.kill("SIGINT");
    const { exitCode, stderr } = await waiting;
    expect([exitCode, stderr]).toEqual([
      130,
      "detached: the sweep goes on; npx homelab sweep wait left comes back to it",
    ]);
    const late = await sweep("wait", "left", "--timeout", "1s");
    expect([late.exitCode, late.stderr]).toEqual([
      124,
      expect.stringMatching(/^not done after 1 s: the sweep goes on/),
    ]);
    writeFileSync(path, "");
    expect((await sweep("wait", "left", "--timeout", "60s")).exitCode).toBe(0);
  });

  it("is patient with a Nomad that is restarted; what was done is not done again", async () => {
    writeFileSync(
      join(directory, "script.sh"),
      `sleep 2; echo "$1" >> ${join(directory, "worked")}`,
    );
    const waiting = start([
      "run",
      ...SMALL,
      "--name",
      "restarted",
      "--ntasks",
      "6",
      "--max-workers",
      "2",
      "--wait",
      "--",
      "script.sh",
      "$SWEEP_INPUT",
    ]);
    const done = async () =>
      (await statusOf("restarted")).tasks
        .filter(({ state }) => state === "done")
        .map(({ id, allocation, finishedAt }) => ({ id, allocation, finishedAt }));
    await until(() => existsSync(join(directory, "worked")));
    await until(async () => (await done()).length > 0);
    const before = await done();
    const [program = "", ...args] = agent.restart;
    await execa(program, args);
    const { stdout, stderr, exitCode } = await waiting;
    expect(exitCode, stdout + stderr).toBe(0);
    expect(lines(join(directory, "worked")).toSorted()).toEqual(["0", "1", "2", "3", "4", "5"]);
    expect(await done()).toEqual(expect.arrayContaining(before));
  });

  it("says that the sweep goes on, and how to come back, when Nomad stays away", async () => {
    const waiting = run("sleep 60", "--name", "away", "--wait");
    const isRunning = async () =>
      (await allocations("away")).some(({ ClientStatus }) => ClientStatus === "running");
    await until(isRunning);
    process.kill(Number(agent.pid()));
    const { stderr, exitCode } = await waiting;
    const [program = "", ...args] = agent.restart;
    await execa(program, args);
    expect(exitCode, stderr).toBe(3);
    expect(stderr.split("\n")).toEqual([
      "Nomad is away: the sweep goes on; npx homelab sweep wait away comes back to it",
      expect.stringMatching(/^error: Nomad at .*; start it, or set nomad.address$/),
    ]);
    // Its API answers before there is a leader again.
    await until(() => isRunning().catch(() => false));
    expect((await sweep("stop", "away")).exitCode).toBe(0);
  });
});
