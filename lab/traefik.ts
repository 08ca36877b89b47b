import { mkdirSync } from "node:fs";
import { stringify } from "yaml";
import { whySilent } from "./http.ts";
import { ensureServer, type ServerCommand, stopServer } from "./servers.ts";
import type { LabSettings } from "./settings.ts";
import type { Work } from "./work.ts";
import { writeIfChanged } from "./write-file.ts";

/**
 * The lab's Traefik, healthy. A changed configuration starts it anew.
 *
 * @param bridge where the containers reach it as well, as those of a homelab reach theirs
 */
export async function ensureTraefik(
  binary: string,
  bridge: string | undefined,
  work: Work,
): Promise<"started" | "running"> {
  const { settings } = work;
  mkdirSync(settings.traefik.dynamicDir, { recursive: true });
  const { traefik: port, nomadHttp } = settings.ports;
  const listen = ["127.0.0.1", ...(bridge ? [bridge] : [])].map((each) => `${each}:${port}`);
  const nomad = `http://127.0.0.1:${nomadHttp}`;
  const config = traefikConfig(listen, nomad, settings.traefik.dynamicDir);
  if (writeIfChanged(settings.traefik.configFile, config)) await stopServer(settings, "traefik");
  return ensureServer(settings, traefik(settings, binary), work.signal);
}

/**
 * https://doc.traefik.io/traefik/reference/install-configuration/configuration-options/
 *
 * @param listen ADDRESS:PORT of its entry points, which are all the same but for that
 * @param nomad origin of Nomad's HTTP API, whose services it routes to
 * @param dynamicDir folder with what it reads besides, such as certificates
 */
export function traefikConfig(
  listen: readonly string[],
  nomad: string,
  dynamicDir?: string,
): string {
  const entryPoints = listen.map((address, index): [string, object] => [
    index === 0 ? "web" : `web-${index + 1}`,
    {
      address,
      // Its default, 60 s for a whole request, cuts the upload of a large artifact.
      transport: { respondingTimeouts: { readTimeout: 0 } },
    },
  ]);
  return stringify({
    global: { checkNewVersion: false, sendAnonymousUsage: false },
    log: { level: "WARN" },
    entryPoints: Object.fromEntries(entryPoints),
    providers: {
      ...(dynamicDir ? { file: { directory: dynamicDir, watch: true } } : {}),
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
