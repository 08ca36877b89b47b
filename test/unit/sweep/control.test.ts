import { describe, expect, it } from "vitest";
import type { NomadApi } from "../../../nomad/api.ts";
import type { NomadJob } from "../../../nomad/types.ts";
import { retryTasks } from "../../../sweep/control.ts";
import type { SweepStatus, TaskStatus } from "../../../sweep/gather.ts";

/** Of a sweep with --max-workers 2 and sidecars. What a retry does with a real Nomad is in test/integration/sweep-retry.test.ts. */
const job = {
  TaskGroups: [{ Name: "sweep", Constraints: [{ Operand: "distinct_property", RTarget: "2" }] }],
} as unknown as NomadJob;

describe("a retry that another one has overtaken", () => {
  it("is refused, and starts nothing", async () => {
    const Meta = { homelab_mlflow_sweep_rounds: "" };
    const read = { ID: "mine", JobModifyIndex: 7, Meta, TaskGroups: [] } as unknown as NomadJob;
    const tasks = [{ id: 0, index: 0, state: "failed" } as TaskStatus];
    const sweep = { name: "mine", state: "failed", tasks } as unknown as SweepStatus;
    // There is nothing to start with.
    const nomad = { get: async () => ({ ...read, JobModifyIndex: 9 }) } as unknown as NomadApi;
    await expect(retryTasks(nomad, { job: read, sweep }, undefined)).rejects.toMatchObject({
      problems: [
        "mine: its job was changed meanwhile, by another retry or a stop; see sweep status",
      ],
    });
  });
});

describe("a retry of a sweep with sidecars and --max-workers", () => {
  it("is refused for more tasks than may run at a time, and changes nothing in Nomad", async () => {
    const tasks = [0, 1, 2].map((id) => ({ id, index: id, state: "failed" }) as TaskStatus);
    const sweep = { name: "mine", state: "failed", tasks } as unknown as SweepStatus;
    // There is nothing to write with.
    const nomad = {} as NomadApi;
    await expect(retryTasks(nomad, { job, sweep }, undefined)).rejects.toMatchObject({
      problems: [
        "mine: 3 of its tasks are to run again, and Nomad would not keep to --max-workers 2; expected --task with 2 of them at most",
      ],
      exitCode: 2,
    });
  });
});
