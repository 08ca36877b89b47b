/** What looks after a sweep's sidecars, on a real Nomad with ACLs. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ROOT } from "../../config/load.ts";
import { NomadApi } from "../../nomad/api.ts";
import type { NomadAllocation } from "../../nomad/types.ts";
import { lastLines } from "../../sweep/logs.ts";
import { type NomadAgent, startNomadAgent } from "./nomad-agent.ts";

const PATIENCE_S = 120;
const binary = process.env.HOMELAB_TEST_NOMAD ?? "nomad";

let directory: string;
let agent: NomadAgent;
let nomad: NomadApi;
let env: Record<string, string>;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "homelab-sidecars-"));
  agent = await startNomadAgent(binary, directory);
  writeFileSync(join(agent.configDir, "acl.hcl"), "acl {\n  enabled = true\n}\n");
  const [program = "", ...args] = agent.restart;
  await execa(program, args);
  let token = "";
  await until(async () => {
    const answer = await fetch(`${agent.address}/v1/acl/bootstrap`, { method: "POST" }).catch(
      () => undefined,
    );
    if (answer?.status !== 200) return false;
    token = ((await answer.json()) as { SecretID: string }).SecretID;
    return true;
  });
  env = { NOMAD_ADDR: agent.address, NOMAD_TOKEN: token };
  const target = { address: agent.address, region: "global", namespace: "default" };
  nomad = new NomadApi(target, env);
});

afterAll(async () => {
  await agent?.stop();
  rmSync(directory, { recursive: true, force: true });
});

async function until(condition: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + PATIENCE_S * 1000; !(await condition()); await sleep(300))
    if (Date.now() > end) throw new Error(`not after ${PATIENCE_S} s`);
}

const script = readFileSync(join(ROOT, "sweep", "sidecars", "tracker.py"), "utf8");

/** A job as a sweep's, with tasks that need no container. Returns the allocation that asks Nomad, at its end. */
async function asks(id: string, tasks: string, ...args: string[]): Promise<NomadAllocation> {
  const task = (Name: string, Config: object, more: object = {}) => ({
    Name,
    Driver: "raw_exec",
    Config,
    Resources: { CPU: 10, MemoryMB: 32 },
    ...more,
  });
  const group = (Name: string, Count: number, own: object) => ({
    Name,
    Count,
    RestartPolicy: { Attempts: 0, Mode: "fail" },
    ReschedulePolicy: { Attempts: 0, Unlimited: false },
    Tasks: [own],
  });
  const tracker = task(
    "tracker",
    { command: "python3", args: ["${NOMAD_TASK_DIR}/tracker.py", ...args] },
    {
      Identity: { Env: true },
      Env: { SWEEP_NOMAD: "${attr.unique.advertise.address}" },
      Templates: [{ DestPath: "local/tracker.py", EmbeddedTmpl: script }],
    },
  );
  const TaskGroups = [
    group("sweep", 2, task("task", { command: "/bin/sh", args: ["-c", tasks] })),
    group("tracker", 1, tracker),
  ];
  const Job = { ID: id, Name: id, Type: "batch", Datacenters: ["dc1"], TaskGroups };
  await nomad.post("/jobs", { Job });
  let found: NomadAllocation | undefined;
  await until(async () => {
    const all = (await nomad.get<NomadAllocation[]>(`/job/${id}/allocations`)) ?? [];
    found = all.find(({ TaskGroup }) => TaskGroup === "tracker");
    return ["complete", "failed"].includes(found?.ClientStatus ?? "");
  });
  if (!found) throw new Error("it was there a moment ago");
  return found;
}

describe("what looks after the sidecars of a sweep", () => {
  it("says at once that Nomad does not let it see the sweep, where that is so", async () => {
    const { ID, ClientStatus } = await asks("denied", "true", "ready", "30");
    expect(ClientStatus).toBe("failed");
    expect(await lastLines(nomad, ID, 9, "tracker")).toEqual([
      "Nomad does not let the tracker look at the sweep (Permission denied): it needs read-job, see docs/sweeps.md",
    ]);
  });

  it("needs the policy of docs/sweeps.md, and then ends with the tasks", async () => {
    const docs = readFileSync(join(ROOT, "docs", "sweeps.md"), "utf8");
    const [, rules = "", args = ""] =
      / {4}echo '(namespace [^']+)' \|\n +nomad (acl policy apply [^\n]+)/.exec(docs) ?? [];
    await execa(binary, args.split(" "), { input: rules, env });
    const began = Date.now();
    const done = await asks("done", "sleep 3", "watch", "2");
    expect(done.ClientStatus).toBe("complete");
    expect(Date.now() - began).toBeGreaterThan(3_000);
    await until(async () => (await nomad.get<{ Status: string }>("/job/done"))?.Status === "dead");
  });

  it("ends as failed where tasks have failed, so that a retry brings it back", async () => {
    const { ClientStatus, TaskStates } = await asks(
      "failing",
      "exit $NOMAD_ALLOC_INDEX",
      "watch",
      "2",
    );
    expect(ClientStatus).toBe("failed");
    const end = TaskStates?.tracker?.Events?.findLast(({ Type }) => Type === "Terminated");
    expect(end?.ExitCode).toBe(112);
  });

  it("waits for tasks that Nomad has not placed yet", async () => {
    const all = asks("waits", "true", "watch", "3").then(() => "ended");
    expect(await Promise.race([all, sleep(8_000, "waits")])).toBe("waits");
    await nomad.delete("/job/waits", { purge: "false" });
    // Stopped, it ends without a word.
    expect(await all).toBe("ended");
  });
});
