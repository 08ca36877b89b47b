import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, it } from "vitest";
import { NomadApi } from "../../../nomad/api.ts";
import { reschedule } from "../../../sweep/reschedule.ts";

const server = createServer();
afterEach(() => {
  server.close();
});

it("asks Nomad again for what it has forgotten of a retry, and not for what failed since", async () => {
  const allocation = (ID: string, more: object) => ({
    ID,
    ClientStatus: "failed",
    NextAllocation: "",
    DesiredTransition: { ForceReschedule: null },
    ...more,
  });
  const forced = { DesiredTransition: { ForceReschedule: true } };
  const before = [allocation("task", {}), allocation("tracker", {})];
  const again = allocation("again", {});
  let asked = 0;
  let looks = 0;
  // In Nomad's place: its plan for the tracker's failure comes after the first request.
  server.on("request", ({ method, url = "" }, response) => {
    const answer = (found: unknown) => response.end(JSON.stringify(found));
    if (method === "POST") asked++;
    if (method === "POST") return answer({});
    if (url.includes("/evaluations")) {
      const delayed = { Status: "pending", WaitUntil: "2036-11-19T03:01:06Z" };
      return answer([delayed, { Status: looks++ === 0 ? "pending" : "complete" }]);
    }
    if (asked === 0) return answer(before);
    const task = allocation("task", { NextAllocation: "again" });
    return answer([task, allocation("tracker", asked === 1 ? {} : forced), again]);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const nomad = new NomadApi({ address, region: "global", namespace: "default" });
  await reschedule(nomad, "sweep");
  expect([asked, looks]).toEqual([2, 3]);
});
