import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it, onTestFinished } from "vitest";
import { onInterrupt } from "../../../cli/interrupt.ts";
import { endLeftover, noteCdktf } from "../../../cli/leftover.ts";
import { identify, isRunning, processesOfGroup } from "../../../lab/processes.ts";

/** Like the real one, it goes away on a SIGINT, and when its Terraform has ended. */
const CDKTF = `
  const terraform = require("child_process").spawn("./terraform", { stdio: "inherit" });
  terraform.on("exit", () => process.exit());
  process.on("SIGINT", () => { console.log("cdktf aborts"); process.exit(); });
`;
const TERRAFORM = `#!/bin/sh
trap 'echo ends cleanly; exit 0' INT
echo works
while :; do sleep 0.1; done
`;
const STUBBORN = TERRAFORM.replace("echo ends cleanly; exit 0", "echo goes on");

/** A cdktf in a group of its own that runs a terraform; both say what happens to them. */
async function startCdktf(terraform: string) {
  const folder = mkdtempSync(join(tmpdir(), "homelab-cdktf-"));
  writeFileSync(join(folder, "terraform"), terraform);
  chmodSync(join(folder, "terraform"), 0o755);
  const cdktf: ChildProcess = spawn("node", ["-e", CDKTF], { cwd: folder, detached: true });
  const pid = cdktf.pid as number;
  onTestFinished(() => {
    try {
      process.kill(-pid, "SIGKILL");
    } catch {
      // it has ended
    }
    rmSync(folder, { recursive: true });
  });
  const said: string[] = [];
  const output = createInterface({ input: cdktf.stdout as NodeJS.ReadableStream });
  output.on("line", (line) => said.push(line));
  await once(output, "line");
  return { folder, cdktf, pid, said };
}

describe("Ctrl-C", () => {
  it("reaches Terraform alone, and once, though npx hands it on as well", async () => {
    const { cdktf, pid, said } = await startCdktf(TERRAFORM);
    const told: string[] = [];
    const interruption = onInterrupt(pid, "/usr/bin/terraform", (text) => told.push(text));
    onTestFinished(interruption.release);
    process.emit("SIGHUP", "SIGHUP");
    process.emit("SIGHUP", "SIGHUP");
    await once(cdktf, "exit");
    expect(said).toEqual(["works", "ends cleanly"]);
    expect(told).toEqual([
      "interrupted: waiting for Terraform to end cleanly; Ctrl-C again to end at once",
    ]);
    expect(interruption.happened()).toBe(true);
  });

  it("for the second time ends a Terraform that goes on", async () => {
    const { cdktf, pid, said } = await startCdktf(STUBBORN);
    const interruption = onInterrupt(pid, "terraform", () => {});
    onTestFinished(interruption.release);
    process.emit("SIGHUP", "SIGHUP");
    await sleep(1200);
    expect(said).toEqual(["works", "goes on"]);
    process.emit("SIGHUP", "SIGHUP");
    await once(cdktf, "exit");
    await sleep(200);
    expect(processesOfGroup(pid)).toEqual([]);
  });
});

describe("a command that was killed", () => {
  /** The note of a command that has ended, about a cdktf that has not. */
  async function killedCommand(pid: number, folder: string): Promise<string> {
    const file = join(folder, "cdktf.json");
    const ended = spawn("sleep", ["60"]);
    const owner = identify(ended.pid as number);
    ended.kill("SIGKILL");
    await once(ended, "exit");
    writeFileSync(file, JSON.stringify({ owner, cdktf: identify(pid) }));
    return file;
  }

  it("has its Terraform ended cleanly by the next, and its cdktf after it", async () => {
    const { folder, pid, said } = await startCdktf(TERRAFORM);
    const cdktf = identify(pid);
    await endLeftover(await killedCommand(pid, folder), "terraform", () => {});
    expect(said).toEqual(["works", "ends cleanly"]);
    expect(cdktf && isRunning(cdktf)).toBe(false);
  });

  it("is told from one that runs, which is left alone", async () => {
    const { folder, pid } = await startCdktf(TERRAFORM);
    const file = join(folder, "cdktf.json");
    const forget = noteCdktf(file, pid);
    await endLeftover(file, "terraform", () => {});
    expect(identify(pid)).toBeDefined();
    forget();
  });
});
