import { describe, expect, it } from "vitest";
import type { TaskStatus } from "../../../sweep/gather.ts";
import { compose } from "../../../sweep/kept.ts";

const record = (id: number, exitCode: number) =>
  JSON.stringify({
    ...{ exitCode, id, index: id, value: "x", parameters: { lr: "0.1" } },
    ...{ startedAt: "2026-01-02T12:00:00Z", finishedAt: "2026-01-02T12:01:30Z" },
    ...{ node: "m700", allocation: "1a2b" },
  });

describe("a sweep that Nomad has forgotten", () => {
  it("is known by what its tasks have left", () => {
    const texts = new Map([
      [
        "sweep.json",
        '{"name":"mine","command":"train.py","failFast":false,"submittedAt":"2026-01-02T11:59:00Z","id":"1"}',
      ],
      ["values", "0 'a b'\n1 c\n2 d\n"],
      ["tasks/0/task.json", record(0, 0)],
      ["tasks/1/task.json", record(1, 3)],
    ]);
    const run = { id: "r", experiment: "0", url: "http://mlflow.lan/#/experiments/0/runs/r" };
    const sweep = compose(texts, new Map([[0, run]]));
    expect(sweep).toMatchObject({
      ...{ name: "mine", command: "train.py", state: "incomplete", kept: true },
      counts: { done: 1, failed: 1, stopped: 0, missing: 1 },
    });
    expect(sweep.tasks).toEqual([
      expect.objectContaining({
        ...{ id: 0, index: 0, value: "a b", state: "done", exitCode: 0, seconds: 90, run },
        ...{ node: "m700", allocation: "1a2b", log: "tasks/0/output.log" },
        parameters: { lr: "0.1" },
      }),
      expect.objectContaining({ id: 1, value: "c", state: "failed", exitCode: 3 }),
      {
        ...{ id: 2, index: 2, value: "d", state: "missing", restarts: 0 },
        reason: expect.stringMatching(/^nothing was kept of it: it was killed/),
      },
    ]);
  });

  it("keeps what Nomad said of tasks that have left nothing", () => {
    const texts = new Map([
      ["sweep.json", '{"name":"mine","command":"train.py"}'],
      ["values", "0 a\n1 b\n2 c\n"],
      ["tasks/1/task.json", record(1, 0)],
    ]);
    const killed: TaskStatus = {
      ...{ id: 0, index: 0, value: "a", state: "failed", exitCode: 137, restarts: 0 },
      reason: "it needed more than --memory and was killed",
    };
    const before = { tasks: [killed, { ...killed, id: 1, index: 1 }] };
    const { tasks } = compose(texts, new Map(), before);
    expect(tasks.map(({ state, exitCode, reason }) => [state, exitCode, reason])).toEqual([
      ["failed", 137, killed.reason],
      ["done", 0, undefined],
      ["missing", undefined, expect.anything()],
    ]);
  });
});
