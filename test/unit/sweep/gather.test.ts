import { describe, expect, it } from "vitest";
import type { NomadAllocation, NomadJob } from "../../../nomad/types.ts";
import { scriptVariables } from "../../../sweep/delivery.ts";
import { firstFailure, sweepStatus } from "../../../sweep/gather.ts";
import { endLine, headline, summary, table } from "../../../sweep/render.ts";
import { NOT_ASKED_FOR } from "../../../sweep/runner.ts";

/** The beginning of the script that the job has. */
const script = (tasks: string) => {
  const cases = tasks
    .trimEnd()
    .split("\n")
    .map((words, index) => `${index}) set -- ${words} ;;\n`);
  return `#!/bin/sh\ncase\n${cases.join("")}esac\n`;
};

const job = (tasks: string, more: Partial<NomadJob> = {}): NomadJob => ({
  ID: "mine",
  Version: 0,
  JobModifyIndex: 1,
  Status: "running",
  Stop: false,
  Meta: { homelab_mlflow_sweep: "2026-01-01T00:00:00Z", homelab_mlflow_sweep_command: "train.py" },
  TaskGroups: [
    {
      Name: "sweep",
      Count: 1,
      Tasks: [
        {
          Name: "task",
          Config: {},
          Resources: { MemoryMB: 10 },
          Env: scriptVariables(script(tasks)),
          Templates: null,
        },
      ],
    },
  ],
  ...more,
});

/** An allocation as Nomad lists it; exit is what its task ended with. */
function allocation(
  index: number,
  status: string,
  {
    exit,
    created = 1,
    ...more
  }: { exit?: number; created?: number } & Partial<NomadAllocation> = {},
): NomadAllocation {
  const ended = {
    Type: "Terminated",
    DisplayMessage: `Exit Code: ${exit}`,
    ExitCode: exit ?? 0,
    Time: 0,
    Details: {},
  };
  return {
    ID: `id-${index}-${created}`,
    Name: `mine.sweep[${index}]`,
    TaskGroup: "sweep",
    NodeName: "m700",
    JobVersion: 0,
    CreateIndex: created,
    ClientStatus: status,
    DesiredStatus: "run",
    NextAllocation: "",
    DesiredTransition: { ForceReschedule: null },
    DeploymentStatus: null,
    TaskStates: {
      task: {
        State: "dead",
        Failed: status === "failed",
        Restarts: 0,
        StartedAt: "2026-01-01T00:00:00Z",
        FinishedAt: status === "running" ? null : "2026-01-01T00:00:30Z",
        Events: exit === undefined ? [] : [ended],
      },
    },
    ...more,
  };
}

const forced = { DesiredTransition: { ForceReschedule: true } };
const states = (...args: Parameters<typeof sweepStatus>) =>
  sweepStatus(...args).tasks.map(({ state, exitCode }) => [state, exitCode]);

describe("a sweep's status", () => {
  it("is that of each task's allocation", () => {
    const all = [
      allocation(0, "complete", { exit: 0 }),
      allocation(1, "failed", { exit: 3 }),
      allocation(2, "running"),
      allocation(3, "pending"),
      allocation(5, "complete", { exit: 130, DesiredStatus: "stop" }),
      allocation(6, "lost"),
    ];
    const status = sweepStatus(job("0 a\n1 b\n2 c\n3 d\n4 e\n5 f\n6 g\n"), all);
    expect(status.tasks.map(({ state }) => state)).toEqual([
      ...["done", "failed", "running", "starting", "waiting", "stopped", "waiting"],
    ]);
    expect(status.tasks[1]).toMatchObject({ value: "b", exitCode: 3, seconds: 30, node: "m700" });
    expect(status.state).toBe("running");
  });

  it("is that of the newest try of a task, or of the one before where that was not asked for", () => {
    const before = { NextAllocation: "next", ...forced };
    const all = [
      allocation(0, "failed", { exit: 1, ...before }),
      allocation(0, "complete", { exit: 0, created: 2 }),
      allocation(1, "failed", { exit: 7, ...before }),
      allocation(1, "failed", { exit: 113, created: 2 }),
    ];
    expect(states(job("0 a\n1 b\n"), all)).toEqual([
      ["done", 0],
      ["failed", 7],
    ]);
  });

  it("has failed as before where a retry of others had no room for it at first", () => {
    const before = allocation(0, "failed", { exit: 1, ...forced });
    const again = allocation(0, "failed", { exit: NOT_ASKED_FOR, created: 2 });
    const { tasks } = sweepStatus(job("0 a\n"), [before, again]);
    expect(tasks[0]).toMatchObject({ state: "failed", exitCode: 1 });
  });

  it("is told by the round of a retry that it is in, and by the one before where it is in none", () => {
    const Meta = { ...job("").Meta, homelab_mlflow_sweep_rounds: "1:0,2;2:2" };
    const all = [
      ...[0, 1, 2].map((index) => allocation(index, "failed", { exit: 3 })),
      allocation(0, "complete", { exit: 0, created: 2, JobVersion: 1 }),
      allocation(1, "failed", { exit: 4, created: 2, JobVersion: 1 }),
    ];
    const states = (allocations: NomadAllocation[]) =>
      sweepStatus(job("0 a\n1 b\n2 c\n", { Meta }), allocations).tasks.map(
        ({ state, exitCode }) => [state, exitCode],
      );
    const [first, second] = [
      ["done", 0],
      ["failed", 3],
    ];
    expect(states(all)).toEqual([first, second, ["waiting", undefined]]);
    const last = allocation(0, "running", { created: 3, JobVersion: 2 });
    expect(states([...all, last])).toEqual([first, second, ["running", undefined]]);
  });

  it("waits for a retry that has no place yet", () => {
    const all = [allocation(0, "failed", { exit: 1, ...forced })];
    expect(sweepStatus(job("0 a\n"), all).state).toBe("running");
    const notAskedForBefore = [
      allocation(0, "failed", { exit: 7, NextAllocation: "next", ...forced }),
      allocation(0, "failed", { exit: 113, created: 2, ...forced }),
    ];
    expect(sweepStatus(job("0 a\n"), notAskedForBefore).state).toBe("running");
  });

  it("is stopped where tasks ended before their time", () => {
    const all = [allocation(0, "complete", { exit: 0 })];
    const status = sweepStatus(job("0 a\n1 b\n", { Stop: true }), all);
    expect([status.state, status.tasks[1]?.state]).toEqual(["stopped", "stopped"]);
  });

  it("is not stopped before a task is that was about to start, which runs for a moment yet", () => {
    const all = [allocation(0, "pending", { DesiredStatus: "stop" })];
    const status = sweepStatus(job("0 a\n", { Stop: true }), all);
    expect([status.state, status.tasks[0]?.state]).toEqual(["running", "starting"]);
  });

  it("is refused where the job has the mark of a sweep and no tasks that can be read", () => {
    const of =
      (...args: Parameters<typeof job>) =>
      () =>
        sweepStatus(job(...args), []);
    expect(of("", { TaskGroups: [] })).toThrow(/^mine: .*: found no group "sweep"; /);
    expect(of("")).toThrow(
      /: found no script with tasks in its environment; .* nomad job stop mine/,
    );
  });

  it("says why a task failed where the exit code does not", () => {
    const killed = allocation(0, "failed", { exit: 137 });
    const end = killed.TaskStates?.task?.Events?.[0];
    Object.assign(end ?? {}, { Details: { oom_killed: "true" } });
    const unpulled = allocation(1, "failed", {});
    const task = unpulled.TaskStates?.task;
    const event = (Type: string, DisplayMessage: string) => ({
      Type,
      DisplayMessage,
      ExitCode: 0,
      Time: 0,
      Details: {},
    });
    Object.assign(task ?? {}, {
      Events: [event("Driver Failure", "no such\n image"), event("Not Restarting", "Policy")],
    });
    const { tasks } = sweepStatus(job("0 a\n1 b\n"), [killed, unpulled]);
    expect(tasks.map(endLine)).toEqual([
      "task 0 (a) failed after 30 s on m700: it needed more than --memory and was killed",
      "task 1 (b) failed after 30 s on m700: no such image",
    ]);
  });
});

describe("what is shown of a sweep", () => {
  const all = [
    allocation(0, "complete", { exit: 0 }),
    allocation(1, "failed", { exit: 3 }),
    allocation(2, "running"),
  ];
  const now = Date.parse("2026-01-01T00:01:00Z");

  it("is one line with counts and the time that is left", () => {
    const sweep = sweepStatus(job("0 a\n1 b\n2 c\n3 d\n"), all, now);
    // Two ended in a minute; of the two that are left one has been at it for longer than they took.
    expect(headline(sweep, now)).toBe(
      "mine [############------------] 2 of 4, 1 failed, 1 running, about 30 s left",
    );
  });

  it("tells the time that is left after a retry by what tasks take, not by how long ago they ran", () => {
    const all = [0, 1, 2].map((index) => allocation(index, "complete", { exit: 0 }));
    const tomorrow = Date.parse("2026-01-02T00:00:00Z");
    const before = allocation(3, "failed", { exit: 1, ...forced, NextAllocation: "next" });
    const again = allocation(3, "running", { created: 2 });
    Object.assign(again.TaskStates?.task ?? {}, { StartedAt: "2026-01-01T23:59:50Z" });
    const running = sweepStatus(job("0 a\n1 b\n2 c\n3 d\n"), [...all, before, again], tomorrow);
    expect(headline(running, tomorrow)).toMatch(/, 1 running, about 20 s left$/);
    const placed = { ...before, NextAllocation: "" };
    const waiting = sweepStatus(job("0 a\n1 b\n2 c\n3 d\n"), [...all, placed], tomorrow);
    expect(headline(waiting, tomorrow)).toMatch(/3 of 4, about 30 s left$/);
    expect(table(waiting, new Map())[4]).toBe("3     d      waiting");
  });

  it("counts all tries of a task for what it took, a retry's and those on its client", () => {
    const restarted = allocation(0, "complete", { exit: 0, created: 2 });
    const at = (second: number) => Date.parse("2026-01-01T00:00:00Z") * 1e6 + second * 1e9;
    const events = ["Started", "Terminated", "Restarting", "Started", "Terminated"];
    Object.assign(restarted.TaskStates?.task ?? {}, {
      Restarts: 1,
      StartedAt: "2026-01-01T00:10:00Z",
      FinishedAt: "2026-01-01T00:20:00Z",
      Events: events.map((Type, index) => ({
        ...{ Type, DisplayMessage: "", ExitCode: 0, Details: {} },
        Time: at([0, 300, 301, 600, 1200][index] ?? 0),
      })),
    });
    const all = [
      allocation(0, "failed", { exit: 1, ...forced, NextAllocation: "next" }),
      restarted,
      allocation(1, "complete", { exit: 0 }),
    ];
    const lost = allocation(1, "lost", { created: 0, NextAllocation: "next" });
    Object.assign(lost.TaskStates?.task ?? {}, { FinishedAt: null });
    const sweep = sweepStatus(job("0 a\n1 b\n"), [...all, lost], at(90_000) / 1e6);
    expect(sweep.tasks.map(({ seconds, clientSeconds }) => [seconds, clientSeconds])).toEqual([
      [600, 600 + 300 + 30],
      [30, 30],
    ]);
    // 960 seconds.
    expect(summary(sweep)).toBe("mine: 2 done; 0.3 node-hours");
  });

  it("has the failure first that was the first in time", () => {
    const late = allocation(0, "failed", { exit: 1 });
    Object.assign(late.TaskStates?.task ?? {}, { FinishedAt: "2026-01-01T00:00:30.5Z" });
    const sweep = sweepStatus(job("0 a\n1 b\n2 c\n"), [late, ...all]);
    expect(firstFailure(sweep)?.id).toBe(1);
    expect(firstFailure({ tasks: [] })).toBeUndefined();
  });

  it("is a table with the runs in MLflow, and what it took together", () => {
    const sweep = sweepStatus(job("0 a\n1 b\n2 c\n"), all, now);
    const runs = new Map([
      [0, { id: "r", experiment: "1", url: "http://mlflow.lan/#/experiments/0/runs/r" }],
    ]);
    expect(table(sweep, runs)).toEqual([
      "task  value  state    exit  time  client  MLflow run",
      "0     a      done     0     30 s  m700    http://mlflow.lan/#/experiments/0/runs/r",
      "1     b      failed   3     30 s  m700",
      "2     c      running        60 s  m700",
      "",
      "mine: 1 running, 1 done, 1 failed; 0.033 node-hours",
    ]);
  });
});
