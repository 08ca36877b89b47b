import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { NomadApi } from "../../../nomad/api.ts";
import { removeLeftovers } from "../../../sweep/register.ts";

const HOUR_NS = 3_600e9;
const server = createServer();
afterEach(() => {
  server.close();
});

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
    // In Nomad's place: none is an hour old.
    server.on("request", ({ method, url = "" }, response) => {
      const { pathname } = new URL(url, "http://nomad");
      const path = pathname.replace("/v1/var/", "");
      const answer = (found: unknown) =>
        response.writeHead(found ? 200 : 404).end(JSON.stringify(found));
      if (method === "DELETE") deleted.push(path);
      if (method === "DELETE") return answer({});
      if (pathname === "/v1/vars")
        return answer(
          Object.entries(variables).map(([Path, { at }]) => ({ Path, ModifyTime: at })),
        );
      if (pathname.startsWith("/v1/var/")) return answer({ Items: variables[path]?.items });
      return answer(pathname === "/v1/job/there" ? {} : undefined);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    await removeLeftovers(new NomadApi({ address, region: "global", namespace: "default" }));
    expect(deleted).toEqual(["nomad/jobs/gone/sweep/task"]);
  });
});
