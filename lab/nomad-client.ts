import { mkdirSync } from "node:fs";
import { z } from "zod";
import { bridgeAddress } from "./bridge.ts";
import { getJson } from "./http.ts";
import { ensureServer, type ServerCommand, stopServer } from "./servers.ts";
import type { LabSettings } from "./settings.ts";
import type { Work } from "./work.ts";
import { writeIfChanged } from "./write-file.ts";

/** Name of the host network that the lab's containers reach. */
export const CONTAINERS_NETWORK = "containers";

/** The lab's Nomad client, healthy. A changed configuration of the lab's own starts it anew. */
export async function ensureNomadClient(
  binary: string,
  dockerHost: string,
  work: Work,
): Promise<"started" | "running"> {
  const { settings } = work;
  mkdirSync(settings.nomad.clientDataDir, { recursive: true });
  const config = nomadClientConfig(settings, dockerHost, await bridgeAddress(dockerHost));
  if (writeIfChanged(settings.nomad.clientConfigFile, config)) await stopServer(settings, "nomad");
  return ensureServer(settings, nomadClient(settings, binary), work.signal);
}

/**
 * Stops the client and starts it again, so that it reads its configuration anew; running
 * allocations go on running meanwhile.
 */
export async function restartNomadClient(
  settings: LabSettings,
  binary: string,
  signal: AbortSignal,
): Promise<void> {
  await stopServer(settings, "nomad");
  await ensureServer(settings, nomadClient(settings, binary), signal);
}

/** The lab's part of the client's configuration; the playbook puts a file of its own beside it. */
export function nomadClientConfig(
  settings: LabSettings,
  dockerHost: string,
  bridge: string,
): string {
  const { nomadClientHttp, nomadRpc } = settings.ports;
  const config = {
    name: "localhost",
    region: "global",
    datacenter: "dc1",
    data_dir: settings.nomad.clientDataDir,
    bind_addr: "127.0.0.1",
    // Nomad refuses to guess a loopback address outside of its dev mode.
    advertise: { http: "127.0.0.1", rpc: "127.0.0.1", serf: "127.0.0.1" },
    ports: { http: nomadClientHttp },
    disable_update_check: true,
    // A stopped client leaves its allocations running.
    leave_on_interrupt: false,
    leave_on_terminate: false,
    client: {
      enabled: true,
      servers: [`127.0.0.1:${nomadRpc}`],
      // The ports of jobs are then ports of 127.0.0.1.
      network_interface: "lo",
      // A job without a port of its own is not given one of the lab's.
      reserved: { reserved_ports: portsOfTheLab(settings) },
      // What containers are to reach has its port on the bridge instead.
      host_network: [{ [CONTAINERS_NETWORK]: [{ cidr: `${bridge}/32` }] }],
      options: {
        // They ask the metadata service of a cloud; the one for AWS ends Nomad over AWS_CA_BUNDLE.
        "fingerprint.denylist": "env_aws,env_gce,env_azure,env_digitalocean",
      },
    },
    // Else the client measures no memory, from Nomad 1.10.2 on.
    telemetry: { publish_allocation_metrics: true },
    plugin: {
      docker: {
        config: {
          endpoint: dockerHost,
          // An automatic revert needs the image that ran before.
          gc: { image: false },
        },
      },
    },
  };
  return `${JSON.stringify(config, undefined, 2)}\n`;
}

/** All of the lab's hundred but the two that its deployment has, as Nomad writes them. */
function portsOfTheLab({ basePort, ports }: LabSettings): string {
  return `${basePort}-${ports.mlflow - 1},${ports.managedDatabase + 1}-${basePort + 99}`;
}

function nomadClient(settings: LabSettings, binary: string): ServerCommand {
  return {
    name: "nomad",
    command: [binary, "agent", "-config", settings.nomad.configDir],
    unhealthy: () => whyUnready(`http://127.0.0.1:${settings.ports.nomadClientHttp}`),
    patience: 120,
  };
}

const agentSchema = z.object({
  stats: z.object({ client: z.object({ node_id: z.string(), heartbeat_ttl: z.string() }) }),
});
const nodeSchema = z.object({
  Status: z.string(),
  Drivers: z.record(z.string(), z.object({ Healthy: z.boolean() })),
});

async function whyUnready(address: string): Promise<string | undefined> {
  const agent = agentSchema.safeParse(await getJson(`${address}/v1/agent/self`));
  if (!agent.success) return "the agent does not answer yet";
  // The server answered this very process: what it says of the node is not of one before.
  if (agent.data.stats.client.heartbeat_ttl === "0s") return "the client is not registered yet";
  const id = agent.data.stats.client.node_id;
  const node = nodeSchema.safeParse(await getJson(`${address}/v1/node/${id}`));
  if (!node.success) return "the node is not registered yet";
  if (node.data.Status !== "ready") return `the node is ${node.data.Status}`;
  if (!node.data.Drivers.docker?.Healthy) return "the node has no healthy docker driver";
  return undefined;
}
