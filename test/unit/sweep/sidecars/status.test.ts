import { describe, expect, it } from "vitest";
import type { NomadAllocation, NomadJob, NomadTaskState } from "../../../../nomad/types.ts";
import { scriptVariables } from "../../../../sweep/delivery.ts";
import { sweepStatus } from "../../../../sweep/gather.ts";
import { sidecarsLine } from "../../../../sweep/sidecars/lines.ts";
import { sidecarsStatus } from "../../../../sweep/sidecars/status.ts";

const task = (Name: string, lines = "") => ({
  Name,
  Config: {},
  Resources: { MemoryMB: 10 },
  Env: scriptVariables(`#!/bin/sh\ncase\n0) set -- ${lines} ;;\nesac\n`),
  Templates: null,
});

// Nomad keeps the order of the groups in which they were written; nothing here depends on it.
const job: NomadJob = {
  ID: "mine",
  Version: 0,
  JobModifyIndex: 1,
  Status: "running",
  Stop: false,
  Meta: { homelab_mlflow_sweep: "2026-01-01T00:00:00Z" },
  TaskGroups: [
    { Name: "tracker", Count: 1, Tasks: [task("mlflow"), task("ready"), task("watch")] },
    { Name: "sweep", Count: 1, Tasks: [task("task", "0 a")] },
  ],
};

const state = (State: string, more: Partial<NomadTaskState> = {}): NomadTaskState => ({
  State,
  Failed: false,
  Restarts: 0,
  StartedAt: "2026-01-01T00:00:00Z",
  FinishedAt: State === "dead" ? "2026-01-01T00:01:00Z" : null,
  Events: null,
  ...more,
});

const failed = (ExitCode: number, FinishedAt: string, Details: Record<string, string> = {}) =>
  state("dead", {
    Failed: true,
    FinishedAt,
    Events: [{ Type: "Terminated", DisplayMessage: "", Time: 0, ExitCode, Details }],
  });

const allocation = (
  ClientStatus: string,
  TaskStates: Record<string, NomadTaskState>,
  more: Partial<NomadAllocation> = {},
): NomadAllocation => ({
  ID: "id",
  Name: "mine.tracker[0]",
  TaskGroup: "tracker",
  NodeName: "m700",
  JobVersion: 0,
  CreateIndex: 1,
  ClientStatus,
  DesiredStatus: "run",
  NextAllocation: "",
  DesiredTransition: { ForceReschedule: null },
  DeploymentStatus: null,
  TaskStates,
  ...more,
});

const told = (...args: Parameters<typeof allocation>) => {
  const { state: own, reason, telling } = sidecarsStatus(job, [allocation(...args)]) ?? {};
  return [own, reason, telling];
};

describe("a sweep's tasks", () => {
  it("are counted without its sidecars", () => {
    const tracker = allocation("failed", { mlflow: failed(1, "2026-01-01T00:01:00Z") });
    const own = { Name: "mine.sweep[0]", TaskGroup: "sweep", ID: "own" };
    const done = allocation("complete", { task: { ...failed(0, ""), Failed: false } }, own);
    const status = sweepStatus(job, [tracker, done]);
    expect(status.tasks.map(({ value, state: of }) => [value, of])).toEqual([["a", "done"]]);
    expect([status.state, status.sidecars?.state]).toEqual(["done", "failed"]);
  });
});

describe("the sidecars", () => {
  it("wait for room, start, and run from the moment they answer", () => {
    expect(sidecarsStatus(job, [])?.state).toBe("waiting");
    expect(sidecarsStatus({ ...job, TaskGroups: job.TaskGroups.slice(1) }, [])).toBeUndefined();
    expect(told("pending", {})).toEqual(["starting", undefined, []]);
    const starting = { mlflow: state("running"), ready: state("running"), watch: state("pending") };
    expect(told("running", starting)[0]).toBe("starting");
    expect(told("running", { ...starting, watch: state("running") })[0]).toBe("running");
  });

  it("have ended as they should where the tasks are done, and where tasks failed", () => {
    expect(told("complete", {})[0]).toBe("ended");
    const kept = { watch: failed(112, "2026-01-01T00:01:00Z"), mlflow: state("dead") };
    expect(told("failed", kept)).toEqual(["ended", undefined, []]);
  });

  it("have failed for the reason that came first, and name who tells of it", () => {
    const [early, late] = ["2026-01-01T00:01:00Z", "2026-01-01T00:02:00Z"];
    const both = { ready: failed(1, late), mlflow: failed(127, early) };
    expect(told("failed", both)).toEqual(["failed", "mlflow failed: exit code 127", ["mlflow"]]);
    const silent = { ready: failed(1, early), mlflow: state("dead") };
    expect(told("failed", silent)).toEqual(["failed", "they did not answer", ["ready", "mlflow"]]);
    const large = { mlflow: failed(137, early, { oom_killed: "true" }) };
    expect(told("failed", large)[1]).toBe("mlflow needed more than its memory and was killed");
    const event = {
      Type: "Driver Failure",
      DisplayMessage: "no such\n image",
      Time: 0,
      ExitCode: 0,
    };
    const unpulled = state("dead", { Failed: true, Events: [{ ...event, Details: null }] });
    expect(told("failed", { mlflow: unpulled })[1]).toBe("mlflow failed: no such image");
  });

  it("are told of in a line while tasks may wait for them", () => {
    const line = (...args: Parameters<typeof allocation>) =>
      sidecarsLine(sidecarsStatus(job, [allocation(...args)]), "sweep stop mine");
    expect(line("running", { watch: state("pending") })).toBe("sidecar mlflow: starting on m700");
    expect(line("running", { watch: state("running") })).toBeUndefined();
    expect(line("failed", { mlflow: failed(2, "2026-01-01T00:01:00Z") })).toBe(
      "sidecar mlflow: mlflow failed: exit code 2; tasks that wait for it fail in time, sweep stop mine ends them now",
    );
  });

  it("are told of with how long tasks wait for them, as the job has it", () => {
    const ready = { ...task("ready"), Config: { args: ["ready", "90", "mlflow:5000"] } };
    const Tasks = [task("mlflow"), ready, task("watch")];
    const timed = { ...job, TaskGroups: [{ Name: "tracker", Count: 1, Tasks }] };
    const over = allocation("failed", { mlflow: failed(2, "2026-01-01T00:01:00Z") });
    expect(sidecarsLine(sidecarsStatus(timed, [over]), "sweep stop mine")).toBe(
      "sidecar mlflow: mlflow failed: exit code 2; tasks that wait for it fail 90 s after they began, sweep stop mine ends them now",
    );
  });

  it("start again where one has failed, which is told with how often and how", () => {
    const line = (mlflow: NomadTaskState, watch: string) => {
      const states = { mlflow, watch: state(watch) };
      return sidecarsLine(sidecarsStatus(job, [allocation("running", states)]), "");
    };
    const { Events } = failed(1, "");
    const pending = (Restarts: number) => state("pending", { Restarts, Events });
    expect(line(pending(1), "pending")).toBe(
      "sidecar mlflow: starting on m700, failed once, exit code 1 last",
    );
    expect(line(pending(2), "running")).toBe(
      "sidecar mlflow: starting on m700, failed 2 times, exit code 1 last",
    );
    expect(line(state("running", { Restarts: 2, Events }), "running")).toBeUndefined();
  });
});
