import { existsSync } from "node:fs";
import { Listr, type ListrTask, PRESET_TIMER } from "listr2";
import { ensureBaseImage } from "./base-image.ts";
import { bridgeAddress } from "./bridge.ts";
import { checkMachine } from "./check-machine.ts";
import { installedProgram } from "./debian-packages.ts";
import { dnsmasqBinary, ensureDnsmasq } from "./dnsmasq.ts";
import { ensureDocker, tidyUpAfterDockerd } from "./dockerd.ts";
import { labErrors } from "./errors.ts";
import { lockLab } from "./lock.ts";
import { nomadBinary } from "./nomad-binary.ts";
import { ensureNomadClient } from "./nomad-client.ts";
import { ensureNomadServer } from "./nomad-server.ts";
import { ensureProviders } from "./providers.ts";
import { ensureRegistry, registryBinary } from "./registry.ts";
import { stopLeftovers, stopServer } from "./servers.ts";
import { type LabSettings, labSettings, type ServerName } from "./settings.ts";
import { type LabState, readLabState, type Source, writeLabState } from "./state.ts";
import { terraformBinary } from "./terraform-binary.ts";
import { ensureTraefik } from "./traefik.ts";
import { traefikBinary } from "./traefik-binary.ts";
import type { Work } from "./work.ts";

/** What one lab-up has found and started so far. */
interface Progress {
  readonly started: ServerName[];
  readonly sources: Source[];
  state: Partial<LabState>;
  registryBinary: string;
  traefikBinary: string;
}

/** Starts the embedded homelab, or finds it running, and shows the steps on the terminal. */
export async function labUp(settings: LabSettings = labSettings()): Promise<void> {
  await new Listr(labUpSteps(settings), {
    concurrent: false,
    // The steps deal with Ctrl-C themselves: what they started is stopped again.
    registerSignalListeners: false,
    rendererOptions: { timer: PRESET_TIMER, collapseErrors: false, showErrorMessage: false },
    fallbackRenderer: "simple",
    fallbackRendererOptions: { timer: PRESET_TIMER },
  }).run();
}

/**
 * The steps of lab-up, to be run one after the other. When one fails, or on Ctrl-C, what these
 * steps have started is stopped again; what ran before goes on.
 *
 * The list that runs them must not exit on signals by itself (registerSignalListeners: false).
 */
export function labUpSteps(settings: LabSettings): ListrTask[] {
  const progress: Progress = {
    started: [],
    sources: [],
    state: {},
    registryBinary: "",
    traefikBinary: "",
  };
  let release = () => {};

  const step = (title: string, run: (work: Work) => Promise<string>): ListrTask => ({
    title,
    task: async (_context, task) => {
      const interruption = new AbortController();
      const interrupt = () => interruption.abort();
      const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
      for (const each of signals) process.on(each, interrupt);
      try {
        const say = (line: string) => {
          task.output = line;
        };
        task.title = await run({ settings, signal: interruption.signal, say });
        interruption.signal.throwIfAborted();
      } catch (error) {
        await undo(settings, progress.started);
        release();
        throw interruption.signal.aborted ? labErrors.interrupted() : error;
      } finally {
        for (const each of signals) process.off(each, interrupt);
      }
    },
  });

  const from = (source: Source): string => {
    progress.sources.push(source);
    return `${[source.part, source.version].join(" ").trim()}: ${source.from}`;
  };

  return [
    step("Check this machine", async () => {
      release = lockLab(settings);
      await checkMachine(settings);
      return "This machine can run the embedded homelab";
    }),
    step("Find Terraform", async (work) => {
      const { path, source } = await terraformBinary(work);
      progress.state.terraformBinary = path;
      return from(source);
    }),
    step("Find Terraform's providers", async (work) => {
      const before = savedState(settings)?.nomadProvider;
      const providers = await ensureProviders(progress.state.terraformBinary ?? "", before, work);
      const { sources, ...found } = providers;
      Object.assign(progress.state, found);
      return sources.map(from).join("; ");
    }),
    step("Find Nomad", async (work) => {
      const { path, source } = await nomadBinary(work);
      progress.state.nomadBinary = path;
      return from(source);
    }),
    step("Find Ansible", async (work) => {
      const path = await installedProgram(
        "ansible-playbook",
        ["ansible"],
        "install Ansible (https://docs.ansible.com)",
        work,
      );
      progress.state.ansiblePlaybook = path;
      return from({ part: "Ansible", version: "", from: path });
    }),
    step("Find a registry", async (work) => {
      const { path, source } = await registryBinary(work);
      progress.registryBinary = path;
      return from(source);
    }),
    step("Start Docker", async (work) => {
      const { host, did } = await ensureDocker(work);
      if (did === "started") progress.started.push("dockerd");
      progress.state.dockerHost = host;
      return did === "found" ? `Docker runs at ${host}` : `dockerd ${verb(did)} at ${host}`;
    }),
    step("Start the registry", async (work) => {
      const did = await ensureRegistry(progress.registryBinary, work);
      if (did === "started") progress.started.push("registry");
      return `Registry ${verb(did)} at http://127.0.0.1:${settings.ports.registry}`;
    }),
    step("Start Nomad", async (work) => {
      const { nomadBinary: binary = "", dockerHost = "" } = progress.state;
      const server = await ensureNomadServer(binary, work);
      if (server === "started") progress.started.push("nomad-server");
      const client = await ensureNomadClient(binary, dockerHost, work);
      if (client === "started") progress.started.push("nomad");
      return `Nomad ${verb(server)} at http://127.0.0.1:${settings.ports.nomadHttp}, its client ${verb(client)}`;
    }),
    step("Find Traefik", async (work) => {
      const { path, source } = await traefikBinary(progress.state.dockerHost ?? "", work);
      progress.traefikBinary = path;
      return from(source);
    }),
    step("Start Traefik", async (work) => {
      // A daemon of the user's may have no such network.
      const bridge = await bridgeAddress(progress.state.dockerHost ?? "").catch(() => undefined);
      const did = await ensureTraefik(progress.traefikBinary, bridge, work);
      if (did === "started") progress.started.push("traefik");
      return `Traefik ${verb(did)} at http://127.0.0.1:${settings.ports.traefik}`;
    }),
    step("Start a DNS server", async (work) => {
      const did = await ensureDnsmasq(await dnsmasqBinary(work), work);
      if (did === "started") progress.started.push("dnsmasq");
      return `dnsmasq ${verb(did)} at 127.0.0.1:${settings.ports.dns}`;
    }),
    step("Find a base image", async (work) => {
      const { image, source } = await ensureBaseImage(progress.state.dockerHost ?? "", work);
      progress.state.baseImage = image;
      return from(source);
    }),
    step("Note what is where", async () => {
      const caBundle = trustedCertificates();
      writeLabState(settings, {
        ...(progress.state as LabState),
        ...(caBundle ? { caBundle } : {}),
        sources: progress.sources,
      });
      release();
      return progress.started.length > 0
        ? "The embedded homelab is up"
        : "The embedded homelab runs already: nothing was changed";
    }),
  ];
}

async function undo(settings: LabSettings, started: readonly ServerName[]): Promise<void> {
  for (const server of [...started].reverse()) await stopServer(settings, server);
  if (!started.includes("dockerd")) return;
  await stopLeftovers(settings);
  await tidyUpAfterDockerd(settings);
}

/** The file of certificates that the environment tells this machine's programs to trust. */
export function trustedCertificates(env: NodeJS.ProcessEnv = process.env): string | undefined {
  return [env.SSL_CERT_FILE, env.REQUESTS_CA_BUNDLE, env.NODE_EXTRA_CA_CERTS].find(
    (file) => file?.startsWith("/") && existsSync(file),
  );
}

/** An unreadable state is one that this lab-up writes anew. */
function savedState(settings: LabSettings): LabState | undefined {
  try {
    return readLabState(settings);
  } catch {
    return undefined;
  }
}

function verb(did: "started" | "running"): string {
  return did === "started" ? "started" : "runs";
}
