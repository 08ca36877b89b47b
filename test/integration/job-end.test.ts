/** What ends a job, and waits for it, on a real Nomad, with a task that needs no container. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ROOT } from "../../config/load.ts";
import { NomadApi } from "../../nomad/api.ts";
import type { NomadAllocation } from "../../nomad/types.ts";
import { type NomadAgent, startNomadAgent } from "./nomad-agent.ts";

const NOMAD = process.env.HOMELAB_TEST_NOMAD ?? "nomad";
let directory: string;
let agent: NomadAgent;
let nomad: NomadApi;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "homelab-end-"));
  agent = await startNomadAgent(NOMAD, directory);
  nomad = new NomadApi({ address: agent.address, region: "global", namespace: "default" });
});

afterAll(async () => {
  await agent?.stop();
  rmSync(directory, { recursive: true, force: true });
});

/** A task that says when it has ended, a second after it was told to. */
const jobspec = (name: string, delay: number) => `
job "${name}" {
  group "svc" {
    shutdown_delay = "${delay}s"
    task "app" {
      driver = "raw_exec"
      config {
        command = "/bin/sh"
        args    = ["-c", "trap 'sleep 1; touch ${directory}/${name}; exit 0' TERM; while :; do sleep 0.1; done"]
      }
      kill_signal  = "SIGTERM"
      kill_timeout = "10s"
      resources {
        cpu    = 10
        memory = 10
      }
    }
  }
}
`;

async function start(name: string, delay: number): Promise<void> {
  const file = join(directory, `${name}.hcl`);
  writeFileSync(file, jobspec(name, delay));
  await execa(NOMAD, ["job", "run", "-detach", file], { env: { NOMAD_ADDR: agent.address } });
  await expect
    .poll(async () => (await states(name))[0], { timeout: 60_000, interval: 200 })
    .toEqual("running");
}

const allocations = async (name: string) =>
  (await nomad.get<NomadAllocation[]>(`/job/${name}/allocations`)) ?? [];

const states = async (name: string) =>
  (await allocations(name)).map(({ ClientStatus }) => ClientStatus);

const script = (file: string, job: string, patience = 60) =>
  execa("node_modules/.bin/jiti", [file], {
    cwd: ROOT,
    env: {
      HOMELAB_NOMAD: JSON.stringify({
        address: agent.address,
        region: "global",
        namespace: "default",
      }),
      HOMELAB_JOB: job,
      HOMELAB_PATIENCE: String(patience),
    },
    reject: false,
    all: true,
  });

describe("a job that is destroyed", () => {
  it("has ended when that is said, and is not kept waiting for a proxy", async () => {
    await start("destroyed", 600);
    expect((await script("check/end.ts", "destroyed")).exitCode).toBe(0);
    expect(await states("destroyed")).toEqual(["complete"]);
    expect(existsSync(join(directory, "destroyed"))).toBe(true);
  });

  it("may be gone already", async () => {
    expect((await script("check/end.ts", "never")).exitCode).toBe(0);
  });
});

describe("a job that was stopped by hand", () => {
  it("is waited for before an agent may be restarted, or told of by its allocation", async () => {
    await start("stopped", 6);
    const desired = async () =>
      (await allocations("stopped")).map(({ DesiredStatus }) => DesiredStatus);
    await nomad.delete("/job/stopped");
    await expect.poll(desired, { timeout: 10_000, interval: 100 }).toEqual(["stop"]);
    const { all, exitCode } = await script("check/settle.ts", "stopped", 0);
    expect(exitCode).toBe(1);
    expect(all).toMatch(
      /^error: Nomad at http:.*: allocation \w{8} of "stopped" on .* was stopped and has not ended in 0 s; see its log, and run this again when it has$/,
    );
    expect((await script("check/settle.ts", "stopped")).exitCode).toBe(0);
    expect(await states("stopped")).toEqual(["complete"]);
    expect(existsSync(join(directory, "stopped"))).toBe(true);
  });

  it("keeps nobody waiting while it runs", async () => {
    await start("running", 0);
    expect((await script("check/settle.ts", "running", 0)).exitCode).toBe(0);
    await script("check/end.ts", "running");
  });
});
