import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type NomadAgent, startNomadAgent } from "./nomad-agent.ts";
import { generate, run, skipWithout, tools } from "./playbook.ts";

const { ansible, nomad, root } = tools;
const workspace = mkdtempSync(join(tmpdir(), "homelab-vacate-"));
afterAll(() => rmSync(workspace, { recursive: true, force: true }));

describe.skipIf(skipWithout({ "ansible-playbook": ansible, nomad, root }))(
  "on a real Nomad client",
  () => {
    let agent: NomadAgent;
    beforeAll(async () => {
      agent = await startNomadAgent(nomad ?? "", workspace);
    });
    afterAll(() => agent?.stop());

    test("a client is vacated for a new mount: the job's allocations have ended, and it is readmitted", async () => {
      const job = {
        ...{ ID: "mlflow", Name: "mlflow", Datacenters: ["dc1"] },
        TaskGroups: [
          {
            Name: "svc",
            Tasks: [
              {
                Name: "stubborn",
                Driver: "raw_exec",
                Config: { command: "/bin/sh", args: ["-c", "trap '' INT TERM; sleep 600"] },
                KillTimeout: 15e9, // nanoseconds
                Resources: { CPU: 10, MemoryMB: 10 },
              },
            ],
          },
        ],
      };
      const ask = async (path: string, body?: unknown) => {
        const method = body ? { method: "POST", body: JSON.stringify(body) } : {};
        return (await fetch(`${agent.address}/v1/${path}`, method)).json();
      };
      const running = async () => {
        const all = (await ask("job/mlflow/allocations")) as { ClientStatus: string }[];
        return all.filter(({ ClientStatus }) => ClientStatus === "running").length;
      };
      const eligibility = async () => {
        const nodes = (await ask("nodes")) as { SchedulingEligibility: string }[];
        return nodes.map(({ SchedulingEligibility }) => SchedulingEligibility);
      };
      const play = async (steps: string[], ...args: string[]) => {
        const tasks = steps.map((tasks_from) => ({
          name: tasks_from,
          "ansible.builtin.include_role": { name: "nomad_host_volumes", tasks_from },
        }));
        const file = join(workspace, "vacate.yml");
        const plays = [{ name: "vacate", hosts: "nomad_clients", gather_facts: false, tasks }];
        writeFileSync(file, JSON.stringify(plays));
        const { files } = generate(workspace, {
          nomadClient: {
            configDir: agent.configDir,
            address: agent.address,
            restart: { command: agent.restart },
          },
        });
        return run({ files: { ...files, playbook: file } }, args);
      };
      await ask("jobs", { Job: job });
      await expect.poll(running, { timeout: 60_000 }).toBe(1);

      const refused = await play(["vacate"], "-e", "nomad_host_volumes_timeout=2");
      expect(refused.code, refused.output).toBe(2);
      expect(refused.output).toMatch(
        /here: job mlflow: found \w{8} still running 2 s after it was/,
      );

      const vacated = await play(["vacate"]);
      expect(vacated.code, vacated.output).toBe(0);
      expect(await running()).toBe(0);
      expect(await eligibility()).toEqual(["ineligible"]);

      const readmitted = await play(["vacate", "readmit"]);
      expect(readmitted.code, readmitted.output).toBe(0);
      expect(await eligibility()).toEqual(["eligible"]);
      await expect.poll(running, { timeout: 60_000 }).toBe(1);
      await fetch(`${agent.address}/v1/job/mlflow?purge=true`, { method: "DELETE" });
      // Its secrets directory is a mount of its own, until Nomad has cleared the task away.
      const mounts = async () => (await execa("findmnt", ["--list", "--output", "TARGET"])).stdout;
      await expect.poll(mounts, { timeout: 60_000 }).not.toContain(workspace);
    });
  },
);
