/** Of a test on the lab that failed: what the lab was about, while it still is there. */
import { readFileSync } from "node:fs";
import { afterEach } from "vitest";
import { labSettings, logFile } from "../lab/settings.ts";
import { NomadApi } from "../nomad/api.ts";
import type { NomadAllocation } from "../nomad/types.ts";

const LATEST_ALLOCATIONS = 5;
const LATEST_EVENTS = 12;
const LATEST_LINES = 15;

afterEach(async ({ task }) => {
  if (task.result?.state !== "fail") return;
  const lines = await told().catch((error) => [`Nomad could not be asked: ${error.message}`]);
  console.log([`of the lab, when "${task.name}" failed:`, ...lines].join("\n"));
});

async function told(): Promise<string[]> {
  const settings = labSettings();
  const address = `http://127.0.0.1:${settings.ports.nomadHttp}`;
  const nomad = new NomadApi({ address, region: "global", namespace: "default" });
  const allocations = (await nomad.get<NomadAllocation[]>("/allocations")) ?? [];
  const latest = allocations.toSorted((a, b) => b.CreateIndex - a.CreateIndex);
  const services = await nomad.get<object[]>("/services");
  return [
    `services: ${JSON.stringify(services)}`,
    ...latest.slice(0, LATEST_ALLOCATIONS).flatMap(ofAllocation),
    ...(["nomad", "nomad-server", "traefik"] as const).flatMap((server) => {
      const log = readFileSync(logFile(settings, server), "utf8");
      const telling = log.split("\n").filter((line) => /WARN|ERR/.test(line));
      return [`${server} has said:`, ...telling.slice(-LATEST_LINES)];
    }),
  ];
}

function ofAllocation({ ID, Name, ClientStatus, DesiredStatus, TaskStates }: NomadAllocation) {
  const tasks = Object.entries(TaskStates ?? {}).map(([task, { State, Events }]) => {
    const events = (Events ?? []).slice(-LATEST_EVENTS);
    const said = events.map(({ Time, Type, DisplayMessage }) => {
      const at = new Date(Time / 1e6).toISOString();
      return `    ${at} ${Type}: ${DisplayMessage}`;
    });
    return [`  ${task}: ${State}`, ...said].join("\n");
  });
  return [`${Name} ${ID.slice(0, 8)}: ${ClientStatus}, to ${DesiredStatus}`, ...tasks];
}
