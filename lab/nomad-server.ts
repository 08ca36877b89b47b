import { mkdirSync } from "node:fs";
import { z } from "zod";
import { getJson } from "./http.ts";
import { ensureServer, type ServerCommand, stopServer } from "./servers.ts";
import type { LabSettings } from "./settings.ts";
import type { Work } from "./work.ts";
import { writeIfChanged } from "./write-file.ts";

/**
 * The lab's Nomad server, healthy. It is an agent of its own beside the client: a client that is
 * restarted together with its server asks it before it has its keys, is refused, and stays away for
 * 15 to 30 s. A changed configuration starts it anew.
 */
export async function ensureNomadServer(
  binary: string,
  work: Work,
): Promise<"started" | "running"> {
  const { settings } = work;
  mkdirSync(settings.nomad.serverDataDir, { recursive: true });
  if (writeIfChanged(settings.nomad.serverConfigFile, nomadServerConfig(settings)))
    await stopServer(settings, "nomad-server");
  return ensureServer(settings, nomadServer(settings, binary), work.signal);
}

export function nomadServerConfig(settings: LabSettings): string {
  const { nomadHttp, nomadRpc, nomadSerf } = settings.ports;
  const config = {
    name: "localhost",
    region: "global",
    datacenter: "dc1",
    data_dir: settings.nomad.serverDataDir,
    bind_addr: "127.0.0.1",
    // Nomad refuses to guess a loopback address outside of its dev mode.
    advertise: { http: "127.0.0.1", rpc: "127.0.0.1", serf: "127.0.0.1" },
    ports: { http: nomadHttp, rpc: nomadRpc, serf: nomadSerf },
    disable_update_check: true,
    leave_on_interrupt: false,
    leave_on_terminate: false,
    server: {
      enabled: true,
      bootstrap_expect: 1,
      // A busy machine is late with its heartbeats without being gone.
      heartbeat_grace: "1m",
    },
  };
  return `${JSON.stringify(config, undefined, 2)}\n`;
}

function nomadServer(settings: LabSettings, binary: string): ServerCommand {
  return {
    name: "nomad-server",
    command: [binary, "agent", "-config", settings.nomad.serverConfigFile],
    unhealthy: () => whyUnready(`http://127.0.0.1:${settings.ports.nomadHttp}`),
    patience: 120,
  };
}

const keysSchema = z.object({ keys: z.array(z.unknown()).min(1) });

async function whyUnready(address: string): Promise<string | undefined> {
  if (!(await getJson(`${address}/v1/status/leader`))) return "there is no leader yet";
  // With these it verifies the identities of its clients.
  const keys = keysSchema.safeParse(await getJson(`${address}/.well-known/jwks.json`));
  return keys.success ? undefined : "it has no keys yet";
}
