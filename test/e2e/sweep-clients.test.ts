/** Sweeps over two Nomad clients that have one volume for files, as two machines with one NAS do. */
import { type ChildProcess, spawn } from "node:child_process";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { unmountBelow } from "../../lab/mounts.ts";
import { commandLine } from "../../lab/processes.ts";
import type { NomadAllocation } from "../../nomad/types.ts";
import type { SweepStatus } from "../../sweep/gather.ts";
import { Checkout } from "../checkout.ts";
import { nomad, nomadBinary, settings } from "../deployed.ts";
import { freePorts } from "../integration/nomad-agent.ts";
import { isLate } from "../time-left.ts";
import { until } from "./tracking.ts";

const late = isLate("sweeps over two clients");
const [FIRST, SECOND] = ["localhost", "second"];
/** Seconds: Nomad waits for a silent client before it calls it down. */
const PATIENCE = 240;

interface Node {
  readonly ID: string;
  readonly Name: string;
  readonly Status: string;
}

interface NodeDetail extends Node {
  readonly NodeResources: { readonly Cpu: { readonly CpuShares: number } };
}

let checkout: Checkout;
let folder: string;
let agent: ChildProcess | undefined;
/** Processes that second clients have left. */
const left = new Set<number>();

beforeAll(async () => {
  if (late) return;
  checkout = await Checkout.create("sweep-clients");
  checkout.configure("");
  const { output, exitCode } = await checkout.make("deploy");
  expect(exitCode, output).toBe(0);
  folder = mkdtempSync(join(tmpdir(), "homelab-second-client-"));
  await configureSecond();
  await startSecond();
});

afterAll(async () => {
  if (late) return;
  if (agent) {
    // Not politely: for six minutes it would go on to end containers that ended while it was away.
    await killSecond();
    for (const pid of left) if (commandLine(pid)[0] === nomadBinary) process.kill(pid, "SIGKILL");
    await nomad.post(`/node/${(await node(SECOND))?.ID}/purge`, {});
  }
  // The private directories of its allocations are file systems of their own.
  await unmountBelow(folder);
  rmSync(folder, { recursive: true, force: true });
  // deploy.test.ts begins with nothing deployed.
  await checkout.make("destroy", "YES=1");
});

/** Like the first but for what is its own: both have the lab's Docker and its volumes. */
async function configureSecond(): Promise<void> {
  const configDir = join(folder, "config.d");
  cpSync(settings.nomad.configDir, configDir, { recursive: true });
  const file = join(configDir, "00-lab.json");
  const config = JSON.parse(readFileSync(file, "utf8"));
  const [http] = await freePorts(1);
  config.name = SECOND;
  config.data_dir = join(folder, "data");
  config.ports = { http };
  // They share the machine's ports.
  Object.assign(config.client, { min_dynamic_port: 19_000, max_dynamic_port: 19_999 });
  // It would take the other one's containers for leftovers.
  config.plugin.docker.config.gc.dangling_containers = { enabled: false };
  writeFileSync(file, JSON.stringify(config));
}

async function startSecond(): Promise<void> {
  const log = openSync(join(folder, "nomad.log"), "a");
  const args = ["agent", "-config", join(folder, "config.d")];
  agent = spawn(nomadBinary, args, { stdio: ["ignore", log, log] });
  await until("the second client is ready", PATIENCE, () => isSecond("ready"));
}

/** As by a power cut, but for what it has started, such as what writes its tasks' logs: that stays. */
async function killSecond(): Promise<void> {
  const pid = agent?.pid ?? 0;
  const { stdout } = await execa("pgrep", ["--parent", String(pid)], { reject: false });
  for (const line of stdout.split("\n").filter(Boolean)) left.add(Number(line));
  agent?.kill("SIGKILL");
}

async function isSecond(status: string): Promise<boolean> {
  return (await node(SECOND))?.Status === status;
}

async function node(name: string | undefined): Promise<Node | undefined> {
  return (await nomad.get<Node[]>("/nodes"))?.find(({ Name }) => Name === name);
}

async function statusOf(name: string): Promise<SweepStatus> {
  return JSON.parse((await checkout.homelab(["sweep", "status", name, "--json"])).stdout);
}

/** Two of the tasks fill a client. */
async function large(): Promise<string[]> {
  const first = await nomad.get<NodeDetail>(`/node/${(await node(FIRST))?.ID}`);
  const shares = first?.NodeResources.Cpu.CpuShares ?? 0;
  return ["--cpu", String(Math.floor(shares * 0.4)), "--memory", "100", "--wait"];
}

describe.skipIf(late)("a sweep over two clients", () => {
  it("runs on both, and what its tasks leave comes together", async () => {
    checkout.write("where.sh", 'cat given/given; echo "$1 on $SWEEP_NODE" > where; sleep 8\n');
    const given = join(folder, "given");
    mkdirSync(given);
    writeFileSync(join(given, "given"), "was given\n");
    const out = join(folder, "out");
    const files = ["--upload", given, "--download", out];
    const { output, exitCode } = await checkout.homelab([
      ...["sweep", "run", "--name", "both", ...(await large()), ...files],
      ...["--map-over-values", "a,b,c,d", "--", "where.sh", "$SWEEP_INPUT"],
    ]);
    expect(exitCode, output).toBe(0);
    const { tasks } = await statusOf("both");
    expect(new Set(tasks.map((task) => task.node))).toEqual(new Set([FIRST, SECOND]));
    for (const { id, value, node: name } of tasks)
      expect(readFileSync(join(out, String(id), "where"), "utf8")).toBe(`${value} on ${name}\n`);
    const logs = await checkout.homelab(["sweep", "logs", "both"]);
    expect(logs.stdout.split("\n")).toEqual([0, 1, 2, 3].map((id) => `[${id}] was given`));
  });

  it("is done by the other where one is gone in its midst, and that one's return changes nothing", async () => {
    checkout.write("slow.sh", 'echo "$1 on $SWEEP_NODE" > where; sleep 20\n');
    const out = join(folder, "out-of-one");
    const args = ["--name", "one-gone", ...(await large()), "--map-over-values", "a,b,c,d"];
    const running = checkout.homelab([
      ...["sweep", "run", ...args, "--download", out, "--", "slow.sh", "$SWEEP_INPUT"],
    ]);
    const ofSecond = async () =>
      ((await nomad.get<NomadAllocation[]>("/job/one-gone/allocations")) ?? []).filter(
        (each) => each.NodeName === SECOND,
      );
    await until("the second client runs tasks", PATIENCE, async () =>
      (await ofSecond()).some((each) => each.ClientStatus === "running"),
    );
    await killSecond();
    const { stdout, output, exitCode } = await running;
    expect(exitCode, output).toBe(0);
    expect(stdout).toMatch(/^one-gone: 4 done; /m);
    const { tasks } = await statusOf("one-gone");
    expect(tasks.map((task) => task.node)).toEqual([FIRST, FIRST, FIRST, FIRST]);
    // A task whose client is gone goes on by itself, and may have been done by either.
    for (const { id, value } of tasks)
      expect([FIRST, SECOND].map((name) => `${value} on ${name}\n`)).toContain(
        readFileSync(join(out, String(id), "where"), "utf8"),
      );
    const sweeps = join(settings.volumes.files, "sweeps", "one-gone", "tasks");
    const kept = () =>
      tasks.map(({ id }) => readFileSync(join(sweeps, String(id), "files", "where"), "utf8"));
    const before = kept();
    await startSecond();
    // It has what it was doing to end, and is not asked for it again.
    const stopped = await ofSecond();
    expect(stopped.length).toBeGreaterThan(0);
    expect(new Set(stopped.map((each) => each.DesiredStatus))).toEqual(new Set(["stop"]));
    expect((await statusOf("one-gone")).state).toBe("done");
    expect(kept()).toEqual(before);
  });
});
