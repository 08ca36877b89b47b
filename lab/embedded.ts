import { join, relative } from "node:path";
import type { HomelabInput } from "../config/schema.ts";
import { labSettings, REPOSITORY } from "./settings.ts";
import { readLabState } from "./state.ts";

const settings = labSettings();
// Before the first lab-up there is no state: a synth works all the same.
const state = readLabState(settings);
const nomadAddress = `http://127.0.0.1:${settings.ports.nomadHttp}`;

/** The part of a config that describes the embedded homelab, for `...embedded`. */
export const embedded = {
  embedded: true,
  hostname: "mlflow.localhost",
  // Traefik's, by a name that every client resolves: browsers know mlflow.localhost, Python need not.
  url: `http://localhost:${settings.ports.traefik}`,
  nomad: { address: nomadAddress, region: "global", datacenters: ["dc1"] },
  docker: { host: state?.dockerHost ?? `unix://${settings.docker.socket}` },
  registry: { address: `127.0.0.1:${settings.ports.registry}`, scheme: "http" },
  image: {
    ...(state ? { baseImage: state.baseImage } : {}),
    ...(state?.caBundle ? { caBundle: state.caBundle } : {}),
  },
  volumes: {
    backendStore: { source: { directory: settings.volumes.backendStore } },
    artifacts: { source: { directory: settings.volumes.artifacts } },
    files: { source: { directory: settings.volumes.files } },
  },
  clients: [{ name: "localhost", connection: "local", become: false }],
  nomadClient: {
    configDir: settings.nomad.configDir,
    address: `http://127.0.0.1:${settings.ports.nomadClientHttp}`,
    restart: { command: labCommand("restart-nomad") },
  },
  job: { port: settings.ports.mlflow },
  dns: {
    provider: "dnsmasq",
    target: "localhost",
    host: { name: "localhost", connection: "local", become: false },
    port: settings.ports.dns,
    configDir: settings.dnsmasq.recordDir,
    restart: { command: labCommand("restart-dnsmasq") },
  },
  state: { path: relative(REPOSITORY, settings.terraform.stateFile) },
} satisfies Partial<HomelabInput>;

/** Works from any folder: Ansible runs it from one of its own, with neither npx nor our packages. */
function labCommand(command: string): string[] {
  return [
    process.execPath,
    join(REPOSITORY, "node_modules", "jiti", "lib", "jiti-cli.mjs"),
    join(REPOSITORY, "lab", "main.ts"),
    ...["--lab", settings.dir, "--port", String(settings.basePort)],
    command,
  ];
}
