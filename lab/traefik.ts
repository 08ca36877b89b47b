import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { stringify } from "yaml";
import { whySilent } from "./http.ts";
import { ensureServer, type ServerCommand, stopServer } from "./servers.ts";
import type { LabSettings } from "./settings.ts";
import type { Work } from "./work.ts";
import { writeIfChanged } from "./write-file.ts";

/** The lab's Traefik, healthy. A changed configuration starts it anew. */
export async function ensureTraefik(binary: string, work: Work): Promise<"started" | "running"> {
  const { settings } = work;
  mkdirSync(dirname(settings.traefik.configFile), { recursive: true });
  const { traefik: port, nomadHttp } = settings.ports;
  const config = traefikConfig(`127.0.0.1:${port}`, `http://127.0.0.1:${nomadHttp}`);
  if (writeIfChanged(settings.traefik.configFile, config)) await stopServer(settings, "traefik");
  return ensureServer(settings, traefik(settings, binary), work.signal);
}

/**
 * https://doc.traefik.io/traefik/reference/install-configuration/configuration-options/
 *
 * @param listen ADDRESS:PORT of its one entry point
 * @param nomad origin of Nomad's HTTP API, whose services it routes to
 */
export function traefikConfig(listen: string, nomad: string): string {
  return stringify({
    global: { checkNewVersion: false, sendAnonymousUsage: false },
    log: { level: "WARN" },
    entryPoints: {
      web: {
        address: listen,
        // Its default, 60 s for a whole request, cuts the upload of a large artifact.
        transport: { respondingTimeouts: { readTimeout: 0 } },
      },
    },
    providers: {
      nomad: {
        endpoint: { address: nomad },
        exposedByDefault: false,
        // Its default, 15 s, is how long it would send requests to a server that has ended.
        refreshInterval: "1s",
      },
    },
  });
}

function traefik(settings: LabSettings, binary: string): ServerCommand {
  const url = `http://127.0.0.1:${settings.ports.traefik}`;
  return {
    name: "traefik",
    command: [binary, `--configFile=${settings.traefik.configFile}`],
    // Whether it knows a router for that name or not, it is there.
    unhealthy: () => whySilent(url),
    patience: 60,
  };
}
