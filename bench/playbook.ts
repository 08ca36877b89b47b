import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Testing } from "cdktf";
import { ROOT } from "../config/load.ts";
import { NomadVolumes, type NomadVolumesFiles } from "../constructs/nomad-volumes.ts";
import { type NomadAgent, startNomadAgent } from "../test/integration/nomad-agent.ts";
import { type SshServer, startSshServer } from "../test/integration/ssh-server.ts";
import { installTestTools, sshServerProgram } from "../test/tools.ts";
import type { Figure, Row } from "./figure.ts";
import { run } from "./run.ts";
import { median, seconds, times } from "./statistics.ts";

const SECOND_RUN_S = 15;

/**
 * The playbook over ssh, each client with a Nomad agent and an sshd of its own on this machine. The
 * first run makes the directories and restarts the agents one after the other, the second has
 * nothing to do.
 */
export const playbook: Figure = {
  name: "playbook",
  title: "The playbook, first and second run",
  rounds: 3,
  async measure(bench, rounds) {
    await installTestTools();
    const samples: Sample[][] = [];
    for (const clients of [1, 2]) {
      const ofThese: Sample[] = [];
      for (const _ of times(rounds)) ofThese.push(await sample(bench.state.nomadBinary, clients));
      samples.push(ofThese);
    }
    return samples.flatMap((each, index): Row[] => {
      const clients = index + 1;
      const of = (key: keyof Sample) => median(each.map((one) => one[key]));
      const name = `${clients} client${clients === 1 ? "" : "s"}`;
      const limit = SECOND_RUN_S * clients;
      return [
        { what: `playbook, ${name}, first run`, unit: "s", ours: of("first"), samples: each },
        {
          what: `playbook, ${name}, second run`,
          unit: "s",
          ours: of("second"),
          target: { text: `< ${limit} s`, reached: of("second") < limit },
          samples: each,
        },
      ];
    });
  },
};

interface Sample {
  readonly first: number;
  readonly second: number;
}

async function sample(nomad: string, clients: number): Promise<Sample> {
  const folder = mkdtempSync(join(tmpdir(), "homelab-bench-playbook-"));
  const agents: NomadAgent[] = [];
  const servers: SshServer[] = [];
  try {
    for (const index of times(clients)) {
      agents.push(await startNomadAgent(nomad, join(folder, `client${index}`)));
      servers.push(await startSshServer(sshServerProgram(), join(folder, `ssh${index}`)));
    }
    const args = generate(folder, agents, servers);
    const env = { ANSIBLE_CONFIG: join(ROOT, "ansible", "ansible.cfg") };
    const once = () => run("ansible-playbook", args, { env });
    return { first: await seconds(once), second: await seconds(once) };
  } finally {
    for (const server of servers) await server.stop();
    for (const agent of agents) await agent.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The arguments of ansible-playbook. */
function generate(
  folder: string,
  agents: readonly NomadAgent[],
  servers: readonly SshServer[],
): string[] {
  const [agent] = agents;
  if (!agent) throw new Error("no agent");
  const clients = servers.map(({ port, privateKey, knownHosts }, index) => ({
    name: `client${index}`,
    ...{ address: "127.0.0.1", port, user: "root", privateKey, knownHosts },
    ...{ connection: "ssh" as const, become: true },
  }));
  const { address, configDir, restart } = agent;
  const files: NomadVolumesFiles[] = [];
  Testing.synthScope((scope) => {
    const volumes = new NomadVolumes(scope, "volumes", {
      ...{ root: ROOT, job: "mlflow", uid: 1000, gid: 1000, clients },
      nomadClient: { address, configDir, restart: { command: restart } },
      directory: join(folder, "generated"),
      volumes: ["backend-store", "artifacts"].map((name) => ({
        ...{ name, mode: "0750", source: { directory: join(folder, name) } },
      })),
    });
    files.push(volumes.files);
  });
  // In a homelab the agents are at the same address and path, each on its own machine.
  const hosts = agents.map((each, index) => [
    `client${index}`,
    {
      nomad_host_volumes_address: each.address,
      nomad_host_volumes_config_dir: each.configDir,
      nomad_host_volumes_restart_command: each.restart,
    },
  ]);
  const apart = join(folder, "agents.yml");
  writeFileSync(apart, JSON.stringify({ nomad_clients: { hosts: Object.fromEntries(hosts) } }));
  const { inventory, playbook } = files[0] as NomadVolumesFiles;
  return ["--inventory", inventory, "--inventory", apart, playbook];
}
