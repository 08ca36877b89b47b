import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { NomadApi } from "../../../nomad/api.ts";
import { scriptVariables } from "../../../sweep/delivery.ts";
import { removeLeftovers } from "../../../sweep/leftovers.ts";

const HOUR_NS = 3_600e9;
const HOUR_MS = 3_600_000;
let server: Server;
afterEach(() => {
  server.close();
});

/** In Nomad's place: none is an hour old. */
async function nomadThat(answers: (method: string, path: string) => unknown): Promise<NomadApi> {
  server = createServer(({ method = "", url = "" }, response) => {
    const found = answers(method, new URL(url, "http://nomad").pathname.replace("/v1", ""));
    response.writeHead(found ? 200 : 404).end(JSON.stringify(found));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return new NomadApi({ address, region: "global", namespace: "default" });
}

describe("what sweeps have left in Nomad", () => {
  it("is removed an hour after, and nothing of anybody else's", async () => {
    const now = Date.now() * 1e6;
    const old = now - 2 * HOUR_NS;
    const own = { secrets: "\n", only: "\n" };
    const variables: Record<string, { at: number; items: object }> = {
      "nomad/jobs/gone/sweep/task": { at: old, items: own },
      "nomad/jobs/there/sweep/task": { at: old, items: own },
      "nomad/jobs/new/sweep/task": { at: now, items: own },
      "nomad/jobs/theirs/sweep/task": { at: old, items: { password: "x" } },
      "nomad/jobs/mlflow/svc/mlflow_app": { at: old, items: own },
    };
    const deleted: string[] = [];
    const nomad = await nomadThat((method, path) => {
      if (method === "DELETE") return deleted.push(path);
      if (path === "/vars")
        return Object.entries(variables).map(([Path, { at }]) => ({ Path, ModifyTime: at }));
      if (path.startsWith("/var/")) return { Items: variables[path.slice(5)]?.items };
      return path === "/job/there" ? {} : undefined;
    });
    await removeLeftovers(nomad);
    expect(deleted).toEqual(["/var/nomad/jobs/gone/sweep/task"]);
  });

  it("is removed a day after where Nomad would remember it for ten years", async () => {
    const ago = (hours: number) => new Date(Date.now() - hours * HOUR_MS).toISOString();
    const meta = { homelab_mlflow_sweep: ago(100) };
    const jobs: Record<string, { Status: string; Stop: boolean; Meta: object; ended: string[] }> = {
      unreadable: { Status: "pending", Stop: true, Meta: meta, ended: ["complete", ago(30)] },
      retried: { Status: "pending", Stop: false, Meta: meta, ended: ["complete", ago(30)] },
      stopped: { Status: "pending", Stop: true, Meta: meta, ended: ["failed", ago(30)] },
      failed: { Status: "pending", Stop: false, Meta: meta, ended: ["failed", ago(30)] },
      fresh: { Status: "pending", Stop: true, Meta: meta, ended: ["failed", ago(20)] },
      dead: { Status: "dead", Stop: false, Meta: meta, ended: ["complete", ago(30)] },
      theirs: { Status: "pending", Stop: true, Meta: {}, ended: ["complete", ago(30)] },
    };
    const deleted: string[] = [];
    const nomad = await nomadThat((method, path) => {
      if (method === "DELETE") return deleted.push(path);
      if (path === "/jobs") return Object.entries(jobs).map(([ID, job]) => ({ ID, ...job }));
      const [, name = "", what] = path.slice(1).split("/");
      const job = jobs[name];
      const [ClientStatus, FinishedAt] = job?.ended ?? [];
      const ExitCode = ClientStatus === "failed" ? 1 : 0;
      const Events = [{ Type: "Terminated", ExitCode }];
      const allocation = {
        ...{
          Name: `${name}.sweep[0]`,
          TaskGroup: "sweep",
          ClientStatus,
          JobVersion: 0,
          CreateIndex: 1,
        },
        ...{ NextAllocation: "", DesiredTransition: {} },
        TaskStates: { task: { FinishedAt, Events } },
      };
      if (what === "allocations") return [allocation];
      const Env = scriptVariables("#!/bin/sh\ncase\n0) set -- 0 only ;;\nesac\n");
      const TaskGroups = [{ Name: "sweep", Tasks: [{ Name: "task", Env }] }];
      return job && { ID: name, ...job, TaskGroups: name === "unreadable" ? [] : TaskGroups };
    });
    await removeLeftovers(nomad);
    expect(deleted.filter((path) => path.startsWith("/job/"))).toEqual([
      ...["/job/retried", "/job/stopped"],
    ]);
  });
});
