import { existsSync } from "node:fs";
import { findServer } from "./servers.ts";
import { type LabSettings, logFile, type ServerName } from "./settings.ts";
import { readLabState } from "./state.ts";

/** What of the lab runs, and where, as lines for a reader. */
export function labStatus(settings: LabSettings): string[] {
  if (!existsSync(settings.stateFile)) return [`There is no lab in ${settings.dir}`];
  const state = readLabState(settings);
  const own = state?.dockerHost === `unix://${settings.docker.socket}`;
  const server = (name: ServerName, address: string): string => {
    const running = findServer(settings, name);
    const what = running ? `runs, pid ${running.pid}, ${address}` : "does not run";
    return `${name.padEnd(12)} ${what}, log ${logFile(settings, name)}`;
  };
  return [
    own
      ? server("dockerd", `unix://${settings.docker.socket}`)
      : `docker       ${state?.dockerHost}, not the lab's own`,
    server("registry", `http://127.0.0.1:${settings.ports.registry}`),
    server("nomad-server", `http://127.0.0.1:${settings.ports.nomadHttp}`),
    server("nomad", `http://127.0.0.1:${settings.ports.nomadClientHttp}`),
    server("traefik", `http://localhost:${settings.ports.traefik}`),
    server("dnsmasq", `127.0.0.1:${settings.ports.dns}`),
    ...(state?.sources ?? []).map(
      ({ part, version, from }) => `${[part, version].join(" ").trim()}: ${from}`,
    ),
  ];
}
