import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { execa } from "execa";

/** A Nomad agent of a test's own: server and client in one, on loopback, with tasks that need no container. */
export interface NomadAgent {
  readonly address: string;
  /** The directory it reads its configuration from. */
  readonly configDir: string;
  /** The command that restarts it, and returns without waiting for its API. */
  readonly restart: readonly string[];
  /** Name to path, as its node lists them; undefined while it can't be asked. */
  hostVolumes(): Promise<Record<string, string> | undefined>;
  /** Its process id: another one after a restart. */
  pid(): string;
  stop(): Promise<void>;
}

export interface AgentOptions {
  /** More of its configuration. */
  readonly more?: string;
  /** A UUID: ACLs are on, and this token may do everything. @default everybody may */
  readonly aclToken?: string;
}

/** Starts the agent, and waits until its node is ready. */
export async function startNomadAgent(
  nomad: string,
  directory: string,
  { more = "", aclToken }: AgentOptions = {},
): Promise<NomadAgent> {
  const configDir = join(directory, "nomad.d");
  const pidFile = join(directory, "nomad.pid");
  mkdirSync(configDir, { recursive: true });
  const [http = 0, rpc = 0, serf = 0] = await freePorts(3);
  writeFileSync(join(configDir, "agent.hcl"), configuration(directory, http, rpc, serf));
  const acl = `acl {\n  enabled = ${aclToken !== undefined}\n}\n`;
  writeFileSync(join(configDir, "more.hcl"), acl + more);
  const script = join(directory, "restart-nomad");
  writeFileSync(script, RESTART);
  chmodSync(script, 0o755);
  const restart = [script, nomad, configDir, pidFile, join(directory, "nomad.log")];

  const address = `http://127.0.0.1:${http}`;
  const agent: NomadAgent = {
    address,
    configDir,
    restart,
    async hostVolumes() {
      const node = await askNode(address, aclToken).catch(() => undefined);
      if (node?.Status !== "ready") return undefined;
      const volumes = Object.values(node.HostVolumes ?? {});
      return Object.fromEntries(volumes.map(({ Name, Path }) => [Name, Path]));
    },
    pid: () => readFileSync(pidFile, "utf8").trim(),
    async stop() {
      if (!existsSync(pidFile)) return;
      await execa("sh", ["-c", `${STOP}\nstop "$1"`, "stop", pidFile], { reject: false });
      // The private directories of its allocations are file systems of their own, and stay.
      const mounts = readFileSync("/proc/mounts", "utf8").split("\n");
      const own = mounts
        .map((line) => line.split(" ")[1] ?? "")
        .filter((at) => at.startsWith(`${directory}/`));
      if (own.length > 0) await execa("umount", own, { reject: false });
    },
  };
  await execa(script, restart.slice(1));
  for (let waited = 0; (await agent.hostVolumes()) === undefined; waited += 1) {
    if (waited === 120) {
      await agent.stop();
      throw new Error(`${join(directory, "nomad.log")}: the Nomad agent of the test did not start`);
    }
    await setTimeout(1000);
  }
  return agent;
}

async function askNode(address: string, aclToken = "") {
  // Once it has been taken, it is refused, and there.
  if (aclToken)
    await fetch(`${address}/v1/acl/bootstrap`, {
      method: "POST",
      body: JSON.stringify({ BootstrapSecret: aclToken }),
    });
  const headers = { "x-nomad-token": aclToken };
  const ask = async (path: string) => (await fetch(`${address}/v1/${path}`, { headers })).json();
  const self = (await ask("agent/self")) as { stats: { client: { node_id: string } } };
  return (await ask(`node/${self.stats.client.node_id}`)) as {
    Status: string;
    HostVolumes: Record<string, { Name: string; Path: string }> | null;
  };
}

const STOP = `stop() {
  pid=$(cat "$1") && kill "$pid" || return 0
  while kill -0 "$pid" 2>/dev/null; do sleep 0.1; done
  rm -f "$1"
} 2>/dev/null`;

const RESTART = `#!/bin/sh
# restart-nomad NOMAD CONFIG_DIR PID_FILE LOG
${STOP}
stop "$3"
setsid "$1" agent -config "$2" >>"$4" 2>&1 </dev/null &
echo $! >"$3"
`;

/** The fingerprinters of clouds are off: one of them stops the agent where AWS_CA_BUNDLE is set. */
function configuration(directory: string, http: number, rpc: number, serf: number): string {
  return `data_dir = ${JSON.stringify(join(directory, "nomad-data"))}
bind_addr = "127.0.0.1"
advertise {
  http = "127.0.0.1"
  rpc  = "127.0.0.1"
  serf = "127.0.0.1"
}
ports {
  http = ${http}
  rpc  = ${rpc}
  serf = ${serf}
}
server {
  enabled          = true
  bootstrap_expect = 1
}
client {
  enabled = true
  # Above the default of 50, Nomad removes more ended tasks with their logs than it would have to.
  gc_max_allocs = 2000
  options = {
    "fingerprint.denylist" = "env_aws,env_gce,env_azure,env_digitalocean"
  }
}
plugin "raw_exec" {
  config {
    enabled = true
  }
}
`;
}

/** Ports of loopback that nobody listens on just now. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
  return ports;
}
