/** The job as the nomad command registers it, by the real Terraform on the lab's real Nomad. */
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { tidyUpAfterDockerd } from "../../lab/dockerd.ts";
import { nomadJobsOf, recordFile, replaceNomadJobs } from "../../lab/nomad-job-by-cli.ts";
import { registrationTokens } from "../../lab/registrations.ts";
import { restartLabNomad } from "../../lab/restart-nomad.ts";
import { findServer } from "../../lab/servers.ts";
import { labSettings } from "../../lab/settings.ts";
import type { StackJson } from "../../lab/stack-json.ts";
import { type LabState, readLabState } from "../../lab/state.ts";
import { labUp } from "../../lab/up.ts";
import { NomadApi } from "../../nomad/api.ts";

const settings = labSettings();
const address = `http://127.0.0.1:${settings.ports.nomadHttp}`;
const api = new NomadApi({ address, region: "global", namespace: "default" });
const workspace = mkdtempSync(join(tmpdir(), "homelab-lab-"));
const registrationDir = join(workspace, "registrations");
const JOB = "sleeper_1A2B3C4D";
let state: LabState;

beforeAll(() => {
  state = readLabState(settings) as LabState;
});

afterAll(async () => {
  await terraform("destroy", "-auto-approve").catch(() => {});
  rmSync(workspace, { recursive: true, force: true });
});

function stack(memory: number | string, command = "sleep"): StackJson {
  const jobspec = `job "lab-test-sleeper" {
  datacenters = ["dc1"]

  update {
    min_healthy_time  = "1s"
    healthy_deadline  = "20s"
    progress_deadline = "30s"
    auto_revert       = true
  }

  group "g" {
    restart {
      attempts = 0
      mode     = "fail"
    }
    reschedule {
      attempts  = 0
      unlimited = false
    }
    task "t" {
      driver       = "docker"
      kill_timeout = "1s"
      config {
        image   = "\${terraform_data.image.output}"
        command = "${command}"
        args    = ["3600"]
      }
      env {
        HOSTILE = "\\"; touch ${workspace}/injected; $(touch ${workspace}/injected) '\`$\${NOMAD_ALLOC_ID}"
      }
      resources {
        cpu    = 50
        memory = ${memory}
      }
    }
  }
}
`;
  return {
    output: { job: { value: `\${nomad_job.${JOB}.id}` } },
    provider: { nomad: [{ address, region: "global" }] },
    resource: {
      nomad_job: {
        [JOB]: { jobspec, detach: true, purge_on_destroy: true, rerun_if_dead: true },
      },
      terraform_data: {
        image: { input: state.baseImage },
        check: { lifecycle: { replace_triggered_by: [`nomad_job.${JOB}`] } },
      },
    },
    terraform: { required_providers: { nomad: { source: "nomad", version: "2.5.2" } } },
  };
}

function terraform(...args: string[]) {
  const env = { CHECKPOINT_DISABLE: "1", TF_CLI_CONFIG_FILE: "/dev/null" };
  return execa(state.terraformBinary, [...args, "-no-color"], { cwd: workspace, env });
}

/** What a synth in the lab does. */
async function synth(given: StackJson): Promise<void> {
  const drift = await registrationTokens(nomadJobsOf(given), registrationDir, address);
  const { nomadBinary } = state;
  const result = replaceNomadJobs(given, { nomadBinary, address, drift, registrationDir });
  writeFileSync(join(workspace, "cdk.tf.json"), JSON.stringify(result));
}

/** A deploy; the changes it made, in Terraform's words. */
async function deploy(given: StackJson): Promise<string> {
  await synth(given);
  const { stdout } = await terraform("apply", "-auto-approve");
  return /Resources: (.*)\./.exec(stdout)?.[1] ?? stdout;
}

interface Allocation {
  readonly ID: string;
  readonly ClientStatus: string;
  readonly JobVersion: number;
}

interface Job {
  readonly Stop: boolean;
  readonly JobModifyIndex: number;
  readonly TaskGroups: {
    readonly Tasks: { readonly Resources: { readonly MemoryMB: number } }[];
  }[];
}

const job = () => api.get<Job>("/job/lab-test-sleeper");

async function running(memory: number): Promise<Allocation> {
  for (let attempt = 0; attempt < 120; attempt += 1) {
    const current = await job();
    const allocations = await api.get<Allocation[]>("/job/lab-test-sleeper/allocations");
    const found = allocations?.filter(({ ClientStatus }) => ClientStatus === "running") ?? [];
    const deployed = await api.get<{ Status: string }>("/job/lab-test-sleeper/deployment");
    const has = current?.TaskGroups[0]?.Tasks[0]?.Resources.MemoryMB;
    if (found.length === 1 && has === memory && deployed?.Status === "successful")
      return found[0] as Allocation;
    await sleep(500);
  }
  throw new Error(`no allocation with ${memory} MiB runs after 60 s`);
}

const NOTHING = "0 added, 0 changed, 0 destroyed";
/** The registration and the check behind it. */
const AGAIN = "2 added, 0 changed, 2 destroyed";

describe("a job registered by the nomad command", () => {
  it("is made by the first deploy, and left alone by the second", async () => {
    await synth(stack(32));
    await terraform("init");
    expect((await terraform("validate")).stdout).toContain("Success!");
    expect(await deploy(stack(32))).toBe("4 added, 0 changed, 0 destroyed");
    const first = await running(32);
    expect(await deploy(stack(32))).toBe(NOTHING);
    expect((await running(32)).ID).toBe(first.ID);
    expect((await terraform("output", "-raw", "job")).stdout).toBe("lab-test-sleeper");
  });

  it("hands no text of the jobspec to the shell", () => {
    expect(existsSync(join(workspace, "injected"))).toBe(false);
  });

  it("is updated, not stopped, by a change", async () => {
    expect(await deploy(stack(36))).toBe(AGAIN);
    expect((await running(36)).JobVersion).toBe(1);
    expect(await deploy(stack(36))).toBe(NOTHING);
  });

  it("keeps its allocation while Nomad is restarted", async () => {
    const before = await running(36);
    const agent = findServer(settings, "nomad");
    await restartLabNomad(settings);
    expect(findServer(settings, "nomad")).not.toEqual(agent);
    expect((await running(36)).ID).toBe(before.ID);
    expect(await deploy(stack(36))).toBe(NOTHING);
  });

  it.each([
    ["stopped", ["job", "stop", "-detach", "lab-test-sleeper"]],
    ["purged", ["job", "stop", "-purge", "-detach", "lab-test-sleeper"]],
    ["scaled", ["job", "scale", "-detach", "lab-test-sleeper", "2"]],
  ])("is put back when it was %s by hand", async (_, command) => {
    await running(36);
    await execa(state.nomadBinary, command, { env: { NOMAD_ADDR: address } });
    expect(await deploy(stack(36))).toBe(AGAIN);
    await running(36);
    expect(await deploy(stack(36))).toBe(NOTHING);
  });

  it("that was reverted is tried again, and nothing is wrong with the one that runs", async () => {
    await running(36);
    await deploy(stack(40, "/no/such/program"));
    await running(36);
    expect(await deploy(stack(40, "/no/such/program"))).toBe(AGAIN);
    await running(36);
    await deploy(stack(36));
    await running(36);
    expect(await deploy(stack(36))).toBe(NOTHING);
  });

  it("that Nomad refuses fails the deploy, and the next one tries again", async () => {
    const before = await job();
    await expect(deploy(stack('"much"'))).rejects.toThrow("resources");
    expect((await job())?.JobModifyIndex).toBe(before?.JobModifyIndex);
    expect(await deploy(stack(36))).toContain("2 added");
    expect(await deploy(stack(36))).toBe(NOTHING);
  });

  it("is purged by a destroy, also when it is gone already", async () => {
    await terraform("destroy", "-auto-approve");
    expect(await job()).toBeUndefined();
    expect(existsSync(recordFile(registrationDir, JOB))).toBe(false);
    await deploy(stack(32));
    await execa(state.nomadBinary, ["job", "stop", "-purge", "-detach", "lab-test-sleeper"], {
      env: { NOMAD_ADDR: address },
    });
    await terraform("destroy", "-auto-approve");
  });
});

describe("lab-up", () => {
  it("finds everything running, and changes nothing", async () => {
    const names = ["dockerd", "registry", "nomad-server", "nomad"] as const;
    const before = names.map((name) => findServer(settings, name));
    const saved = readLabState(settings);
    await labUp(settings);
    expect(names.map((name) => findServer(settings, name))).toEqual(before);
    expect(readLabState(settings)).toEqual(saved);
  });

  it("starts what was killed, under a job that goes on running", async () => {
    await deploy(stack(32));
    const before = await running(32);
    for (const name of ["nomad", "nomad-server", "registry"] as const) {
      process.kill(findServer(settings, name)?.pid as number, "SIGKILL");
    }
    await labUp(settings);
    expect((await running(32)).ID).toBe(before.ID);
    await terraform("destroy", "-auto-approve");
  });
});

describe("what a killed dockerd leaves in /run", () => {
  it("is removed, also where something is mounted", async () => {
    const runDir = mkdtempSync(join(tmpdir(), "homelab run-"));
    const mounted = join(runDir, "netns", "one");
    mkdirSync(mounted, { recursive: true });
    await execa("mount", ["-t", "tmpfs", "none", mounted]);
    const docker = { ...settings.docker, bridge: "homelab-none" };
    await tidyUpAfterDockerd({ ...settings, runDir, docker });
    expect(existsSync(runDir)).toBe(false);
  });
});

describe("the lab's Nomad", () => {
  it("gives the jobs none of the lab's ports but the deployment's", async () => {
    const [{ ID = "" } = {}] = (await api.get<{ ID: string }[]>("/nodes")) ?? [];
    const node = await api.get<{
      ReservedResources: { Networks: { ReservedHostPorts: string } };
    }>(`/node/${ID}`);
    const { basePort, ports } = settings;
    expect(node?.ReservedResources.Networks.ReservedHostPorts).toBe(
      `${basePort}-${ports.mlflow - 1},${ports.managedDatabase + 1}-${basePort + 99}`,
    );
  });
});
