/** The script of a task with files, run by a real shell. */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { checkConfig } from "../../../config/check.ts";
import { scriptVariables, startLine } from "../../../sweep/delivery.ts";
import { readInput } from "../../../sweep/input.ts";
import { NOT_KEPT } from "../../../sweep/outputs.ts";
import { sweepWork, taskScript } from "../../../sweep/runner.ts";
import { HOSTILE, smallConfig } from "../synth.ts";

const before = process.cwd();
beforeAll(() => process.chdir(mkdtempSync(join(tmpdir(), "homelab-outputs-"))));
afterAll(() => process.chdir(before));

const { sweep: defaults } = checkConfig(smallConfig(), "homelab.config.ts");
const hostile = HOSTILE.replaceAll(/\p{Cc}/gu, " ").trim();
const shells = ["/bin/sh", "/bin/bash"].filter((shell) => existsSync(shell));

let volume: string;
beforeEach(() => {
  volume = mkdtempSync(join(tmpdir(), "homelab-volume-"));
  writeFileSync(join(volume, ".homelab-volume"), "mlflow-files\n");
});

function prepared(script: string, options: Record<string, unknown> = {}, keeps = true) {
  writeFileSync("script.sh", script);
  const command = ["script.sh", "$SWEEP_INPUT"];
  const input = readInput(command, { name: "mine", ...options }, defaults, true);
  return taskScript(sweepWork(input, {}, { name: "mlflow-files", keeps }, "sidecar:5000"));
}

let allocations = 0;
/** Runs a task, and says how it ended. */
function started(text: string, index = 0, shell = "/bin/sh", more: Record<string, string> = {}) {
  const folder = mkdtempSync(join(tmpdir(), "homelab-task-"));
  const variables = scriptVariables(text.replaceAll("/scratch/filestores", volume));
  const env = {
    ...process.env,
    ...{ NOMAD_ALLOC_INDEX: String(index), NOMAD_TASK_DIR: folder, SWEEP_NODE: 'the "m700"' },
    ...{ NOMAD_SECRETS_DIR: join(folder, "secrets"), NOMAD_ALLOC_ID: `alloc-${allocations++}` },
    ...variables,
    ...more,
  };
  const child = spawn(shell, ["-c", startLine(variables)], { env });
  const said = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const)
    child[name].on("data", (data) => {
      said[name] += data;
    });
  const ended = once(child, "close").then(([code]) => ({ code, ...said }));
  return { child, said, ended };
}

const run = (text: string, index = 0, shell = "/bin/sh") => started(text, index, shell).ended;

const kept = (path: string) => join(volume, "sweeps", "mine", path);
const read = (path: string) => readFileSync(kept(path), "utf8");
const left = (path: string) =>
  existsSync(kept(path))
    ? execFileSync("find", [".", "!", "-type", "d"], { cwd: kept(path), encoding: "utf8" })
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => line.slice(2))
        .sort()
    : [];

describe.each(shells)("a task that is run by %s", (shell) => {
  it("keeps what it made, what it said and how it ended, when it failed too", async () => {
    writeFileSync("values", `plain\n${hostile}\n`);
    const script =
      'mkdir sub empty; echo "$1" > "sub/a b"; touch -d 2001-01-01 old; echo out; echo err >&2; exit "$SWEEP_INDEX"';
    const task = prepared(script, { mapOverFile: "values" });
    expect(await run(task, 0, shell)).toEqual({ code: 0, stdout: "out\n", stderr: "err\n" });
    expect(await run(task, 1, shell)).toMatchObject({ code: 1, stdout: "out\n" });
    expect(left("tasks")).toEqual(
      [0, 1].flatMap((id) =>
        ["files/old", "files/sub/a b", "output.log", "task.json"].map((path) => `${id}/${path}`),
      ),
    );
    expect(read("tasks/1/files/sub/a b")).toBe(`${hostile}\n`);
    expect(read("tasks/0/output.log").split("\n").sort()).toEqual(["", "err", "out"]);
    expect(JSON.parse(read("tasks/1/task.json"))).toMatchObject({
      ...{ exitCode: 1, id: 1, index: 1, value: hostile, parameters: {}, node: 'the "m700"' },
      startedAt: expect.stringMatching(/^20\d\d-.*Z$/),
      finishedAt: expect.stringMatching(/^20\d\d-.*Z$/),
      allocation: expect.stringContaining("alloc-"),
    });
    expect(JSON.parse(read("sweep.json"))).toMatchObject({ name: "mine", tracker: "sidecar:5000" });
  });

  it("has the parameters of a grid in its record", async () => {
    const task = prepared("true", { grid: ["lr=0.1", "bs=32,64"] });
    await run(task, 1, shell);
    expect(JSON.parse(read("tasks/1/task.json")).parameters).toEqual({ lr: "0.1", bs: "64" });
  });

  it("gets what was uploaded, and keeps of it what it changed alone", async () => {
    const task = prepared(
      'test "$(cat data/a)" = one; echo more >> data/b; cp -p data/c data/d; echo new > data/e; touch data/a; rm gone; ln -s e data/link',
    );
    mkdirSync(kept("input/data"), { recursive: true });
    for (const [name, text] of Object.entries({ a: "one", b: "two\n", c: "three" }))
      writeFileSync(kept(`input/data/${name}`), text);
    writeFileSync(kept("input/gone"), "");
    symlinkSync("a", kept("input/data/same"));
    mkdirSync(kept("input/empty"));
    expect(await run(task, 0, shell)).toEqual({ code: 0, stdout: "", stderr: "" });
    expect(left("tasks/0/files")).toEqual(["data/b", "data/d", "data/e", "data/link"]);
    expect(read("tasks/0/files/data/b")).toBe("two\nmore\n");
    expect(left("input")).toEqual(["data/a", "data/b", "data/c", "data/same", "gone"]);
  });

  it("keeps what it changed at once, where times are of whole seconds", async () => {
    const task = prepared('echo more >>b; touch -d "@$(date +%s)" b');
    mkdirSync(kept("input"), { recursive: true });
    writeFileSync(kept("input/b"), "two\n");
    expect((await run(task, 0, shell)).code).toBe(0);
    expect(read("tasks/0/files/b")).toBe("two\nmore\n");
  });

  it("changes nothing of what another client has done of it meanwhile", async () => {
    const go = join(volume, "go");
    const task = prepared(
      `echo "$WAY" >result; if [ "$WAY" = late ]; then while [ ! -e ${go} ]; do sleep 0.05; done; exit 3; fi`,
      { ntasks: "1" },
    );
    const late = started(task, 0, shell, { WAY: "late" });
    await expect.poll(() => existsSync(kept("sweep.json"))).toBe(true);
    expect((await started(task, 0, shell, { WAY: "first" }).ended).code).toBe(0);
    writeFileSync(go, "");
    expect(await late.ended).toEqual({
      code: 0,
      stdout:
        "task 0 was done meanwhile by another client; what that left stays in sweeps/mine/tasks/0\n",
      stderr: "",
    });
    expect(read("tasks/0/files/result")).toBe("first\n");
    expect(JSON.parse(read("tasks/0/task.json")).exitCode).toBe(0);
    expect(readdirSync(kept("tasks"))).toEqual(["0"]);
  });

  it("leaves what another client is about to keep of it, until it is done", async () => {
    const task = prepared('exit "$CODE"', { ntasks: "1" });
    mkdirSync(kept("tasks/.uploading-0-another/files"), { recursive: true });
    expect((await started(task, 0, shell, { CODE: "1" }).ended).code).toBe(1);
    expect(readdirSync(kept("tasks")).sort()).toEqual([".uploading-0-another", "0"]);
    expect((await started(task, 0, shell, { CODE: "0" }).ended).code).toBe(0);
    expect(readdirSync(kept("tasks"))).toEqual(["0"]);
  });

  it("is done once, however often it is run", async () => {
    const task = prepared('echo "$SWEEP_INDEX" >> x; exit "$SWEEP_INDEX"', { ntasks: "2" });
    await run(task, 0, shell);
    expect(await run(task, 0, shell)).toEqual({
      code: 0,
      stdout: "task 0 is done already; what it left is in sweeps/mine/tasks/0\n",
      stderr: "",
    });
    // What failed is done again, and its result takes the place of the earlier one.
    await run(task, 1, shell);
    const first = JSON.parse(read("tasks/1/task.json")).allocation;
    expect((await run(task, 1, shell)).code).toBe(1);
    expect(JSON.parse(read("tasks/1/task.json")).allocation).not.toBe(first);
    expect(readdirSync(kept("tasks")).sort()).toEqual(["0", "1"]);
    expect(readdirSync(kept("")).sort()).toEqual(["sweep.json", "tasks", "values"]);
  });

  it("is interrupted as the task is, and keeps what was there by then", async () => {
    const script =
      'trap "echo stopped; exit 7" INT; echo here > x; echo ready; while :; do sleep 0.1; done';
    const { child, said, ended } = started(prepared(script), 0, shell);
    await expect.poll(() => said.stdout).toContain("ready");
    child.kill("SIGINT");
    expect(await ended).toMatchObject({ code: 7, stdout: "ready\nstopped\n" });
    expect(left("tasks/0/files")).toEqual(["x"]);
    expect(read("tasks/0/output.log")).toBe("ready\nstopped\n");
  });

  it("is asked to terminate where the image has no way to let it be interrupted", async () => {
    const bin = mkdtempSync(join(tmpdir(), "homelab-bin-"));
    writeFileSync(join(bin, "env"), "#!/bin/sh\nexit 125\n", { mode: 0o755 });
    const script = 'trap "echo ended; exit 7" TERM; echo ready; while :; do sleep 0.1; done';
    const more = { PATH: `${bin}:${process.env.PATH}` };
    const { child, said, ended } = started(prepared(script), 0, shell, more);
    await expect.poll(() => said.stdout).toContain("ready");
    child.kill("SIGINT");
    expect(await ended).toMatchObject({ code: 7, stdout: "ready\nended\n" });
  });

  it("does not wait for what it leaves running", async () => {
    const task = prepared("(sleep 30; echo late) & echo here > x");
    const began = Date.now();
    const { child, ended } = started(task, 0, shell);
    await once(child, "exit");
    expect(Date.now() - began).toBeLessThan(15_000);
    child.stdout.destroy();
    child.stderr.destroy();
    expect(await ended).toMatchObject({ code: 0 });
    expect(left("tasks/0/files")).toEqual(["x"]);
  });
});

describe("a task with files", () => {
  it("does not begin where the volume is not mounted, and writes nothing there", async () => {
    writeFileSync(join(volume, ".homelab-volume"), "another\n");
    const { code, stderr } = await run(prepared("true"));
    expect(code).toBe(1);
    expect(stderr).toBe(
      `volume mlflow-files: ${volume}/.homelab-volume names 'another', so it is not mounted; make prepare mounts it\n`,
    );
    expect(readdirSync(volume)).toEqual([".homelab-volume"]);
  });

  it("does not mix with an earlier sweep of its name", async () => {
    await run(prepared("echo first > x"));
    const { code, stderr } = await run(prepared("echo second > x"));
    expect(code).toBe(1);
    expect(stderr).toContain(
      "sweeps/mine on the volume is of an earlier sweep; use another --name, or npx homelab files rm mine",
    );
    expect(read("tasks/0/files/x")).toBe("first\n");
  });

  it("has its stores, which need no outputs", async () => {
    const options = { filestore: ["data", "more"], outputs: "false" };
    const task = prepared(`echo x > ${"/scratch/filestores"}/data/x`, options, false);
    // The script is a file of the user's as well.
    expect((await run(task)).code).toBe(0);
    expect(readFileSync(join(volume, "data", "x"), "utf8")).toBe("x\n");
    expect(readdirSync(volume).sort()).toEqual([".homelab-volume", "data", "more"]);
  });

  // It mounts a small disk, which root alone may.
  it.skipIf(process.getuid?.() !== 0)(
    "fails with a line that says so where the volume is full, and leaves what was there",
    async () => {
      const small = mkdtempSync(join(tmpdir(), "homelab-full-"));
      execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", small]);
      try {
        volume = small;
        writeFileSync(join(volume, ".homelab-volume"), "mlflow-files\n");
        mkdirSync(join(volume, "store"));
        writeFileSync(join(volume, "store", "mine"), "precious");
        const { code, stderr } = await run(prepared("head -c 3000000 /dev/zero > large"));
        expect(code).toBe(NOT_KEPT);
        expect(stderr).toContain(
          "what task 0 left could not be copied to the volume mlflow-files; is it full? npx homelab files rm frees space; what was there is untouched",
        );
        expect(readFileSync(join(volume, "store", "mine"), "utf8")).toBe("precious");
        expect(readdirSync(kept("tasks"))).toEqual([]);
      } finally {
        execFileSync("umount", [small]);
      }
    },
  );

  it("keeps files with any mode and name", async () => {
    const task = prepared(
      "printf x > -rf; printf y > 'a\nb'; printf '#!' > run; chmod 755 run; mkfifo pipe",
    );
    expect(await run(task)).toMatchObject({ code: 0, stderr: "" });
    expect(readdirSync(kept("tasks/0/files")).sort()).toEqual(["-rf", "a\nb", "run"]);
    chmodSync(kept("tasks/0/files/run"), 0o755);
  });
});
