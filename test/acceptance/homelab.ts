/** A homelab of virtual machines, and what its owner does with it. */
import { join } from "node:path";
import { execa } from "execa";
import { ROOT } from "../../config/load.ts";
import { labSettings } from "../../lab/settings.ts";
import { readLabState } from "../../lab/state.ts";
import { traefikConfig } from "../../lab/traefik.ts";
import { traefikBinary } from "../../lab/traefik-binary.ts";
import { NomadApi } from "../../nomad/api.ts";
import type { NomadAllocation, NomadJob } from "../../nomad/types.ts";
import { Checkout } from "../checkout.ts";
import { runningAllocations } from "../deployed.ts";
import { testToolsDirectory } from "../tools.ts";
import { type Machine, Machines } from "./machines.ts";
import { LAN } from "./settings.ts";
import { sshArguments } from "./ssh.ts";
import { until } from "./until.ts";

const TRAEFIK_UNIT = `[Unit]
After=network-online.target

[Service]
ExecStart=/usr/local/bin/traefik --configFile=/etc/traefik.yml
Restart=always
RestartSec=2

[Install]
WantedBy=multi-user.target
`;

/** Where the job's data is on the clients, and on the NAS. */
export const MOUNTS = ["/srv/mlflow-backend-store", "/srv/mlflow-artifacts"] as const;
export const EXPORTS = ["/srv/nas/backend", "/srv/nas/artifacts"] as const;

/** Its bit in the masks of /proc/PID/status: proc(5). */
const SIGKILL = 1n << 8n;

/** In the flags of /proc/PID/stat: PF_EXITING of Linux's include/linux/sched.h. */
const EXITING = 0x4;

/** Seconds; an emulated Python takes minutes to serve. */
export const PATIENCE = 900;

/** Times as Docker writes them, to the nanosecond. */
interface Container {
  readonly running: boolean;
  readonly started: string;
  readonly finished: string;
}

/** The image of the tests' lab, by the name under which the machines know the registry. */
export function localImage(): string {
  return (process.env.HOMELAB_TEST_IMAGE ?? "").replace("127.0.0.1", "localhost");
}

/** The machines, a checkout whose config names them, and ways to look at what came of a deploy. */
export class Homelab {
  readonly machines: Machines;
  readonly checkout: Checkout;
  readonly url: string;
  readonly nomad: NomadApi;

  private constructor(machines: Machines, checkout: Checkout) {
    this.machines = machines;
    this.checkout = checkout;
    this.url = `http://localhost:${machines.settings.ports.http}`;
    this.nomad = new NomadApi({
      address: machines.nomadAddress,
      region: "global",
      namespace: "default",
    });
  }

  /**
   * The machines, booted, with Traefik on the NAS; nothing of ours is deployed yet.
   *
   * @param name of the checkout, another one for each that runs
   * @param image what the clients' Docker already has, as an emulated pull takes minutes. Default: none.
   */
  static async create(name: string, image?: string): Promise<Homelab> {
    const work = {
      settings: labSettings(),
      signal: new AbortController().signal,
      say: console.log,
    };
    // The tests' lab has built it; the machines' Docker takes it from the registry.
    await execa("node_modules/.bin/jiti", ["cli/homelab.ts", "push"], { cwd: ROOT });
    const machines = await Machines.create(work, image ? [image] : []);
    await machines.boot();
    const homelab = new Homelab(machines, await Checkout.create(name));
    homelab.configure();
    await homelab.installTraefik(
      (await traefikBinary(readLabState(labSettings())?.dockerHost ?? "", work)).path,
    );
    return homelab;
  }

  /**
   * Writes homelab.config.ts: what a user of these machines would write, with something on top.
   *
   * @param more properties as TypeScript; `machines` is what they come after
   */
  configure(more = ""): void {
    const { client1, client2, settings } = this.machines;
    const client = ({ name, ssh }: Machine) => ({
      name,
      address: "127.0.0.1",
      port: ssh.port,
      user: ssh.user,
      privateKey: ssh.privateKey,
      knownHosts: ssh.knownHosts,
    });
    const config = {
      hostname: "mlflow.lan",
      url: this.url,
      nomad: { address: this.machines.nomadAddress },
      registry: { address: `localhost:${settings.ports.registry}`, scheme: "http" },
      volumes: {
        backendStore: { source: { nfs: { server: "nas", export: EXPORTS[0] } } },
        artifacts: { source: { nfs: { server: "nas", export: EXPORTS[1] } } },
      },
      clients: [client(client1), client(client2)],
      job: { healthyDeadline: PATIENCE },
    };
    this.checkout.write(
      "homelab.config.ts",
      [
        'import { defineHomelab } from "homelab-mlflow";',
        'import { embedded } from "homelab-mlflow/lab";',
        // Of the lab: Docker, the registry, Terraform's providers. Nomad and the rest are the machines'.
        "const { docker, image, state } = embedded;",
        `const machines = ${JSON.stringify(config, undefined, 2)} as const;`,
        `export default defineHomelab({ embedded: true, docker, image, state, ...machines, ${more} });`,
        "",
      ].join("\n"),
    );
  }

  /** `make TARGET`, which may take as long as emulated machines do. */
  make(...args: string[]): Promise<{ output: string; exitCode: number }> {
    return this.checkout.make(...args);
  }

  /** Runs the real Python client against Traefik, as on a machine of the homelab. */
  async client(...args: string[]) {
    const script = join(ROOT, "test", "e2e", "client.py");
    const { stdout } = await execa(join(testToolsDirectory(), "python"), [script, ...args], {
      env: this.clientEnvironment(),
    });
    return JSON.parse(stdout.split("\n").at(-1) ?? "");
  }

  clientEnvironment(): Record<string, string> {
    return { MLFLOW_TRACKING_URI: this.url, MLFLOW_HTTP_REQUEST_TIMEOUT: "300" };
  }

  async answers(): Promise<boolean> {
    const answer = await fetch(`${this.url}/health`, { signal: AbortSignal.timeout(20_000) });
    return answer.ok;
  }

  /** A job of somebody else's, which needs no NAS: on each client, of an image that is there. */
  async runOther(image: string): Promise<void> {
    const task = {
      Name: "sleep",
      Driver: "docker",
      Config: { image, entrypoint: ["sleep"], args: ["infinity"] },
      Resources: { CPU: 50, MemoryMB: 32 },
    };
    const job = {
      ...{ ID: "other", Name: "other", Type: "system", Datacenters: ["dc1"] },
      TaskGroups: [{ Name: "other", Tasks: [task] }],
    };
    const answer = await fetch(`${this.machines.nomadAddress}/v1/jobs`, {
      method: "POST",
      body: JSON.stringify({ Job: job }),
    });
    if (!answer.ok) throw new Error(await answer.text());
  }

  /** Waits until Nomad has both clients. */
  async clientsReady(): Promise<void> {
    await until("both clients are ready", PATIENCE, async () => {
      const nodes = (await this.nomad.get<{ Status: string }[]>("/nodes")) ?? [];
      return nodes.length === 2 && nodes.every(({ Status }) => Status === "ready");
    });
  }

  job(): Promise<NomadJob | undefined> {
    return this.nomad.get<NomadJob>("/job/mlflow");
  }

  async allocations(job = "mlflow"): Promise<NomadAllocation[]> {
    return (await this.nomad.get<NomadAllocation[]>(`/job/${job}/allocations`)) ?? [];
  }

  /** What an allocation's server has said. */
  async log(allocation: string): Promise<string> {
    const query = { task: "mlflow_app", type: "stderr", plain: "true" };
    return (await this.nomad.getText(`/client/fs/logs/${allocation}`, query)) ?? "";
  }

  /** The one allocation that runs, and the machine it runs on. */
  async running(): Promise<{ allocation: NomadAllocation; machine: Machine; other: Machine }> {
    const running = await runningAllocations("mlflow", this.nomad);
    const [allocation] = running;
    if (running.length !== 1 || !allocation) throw new Error(`${running.length} allocations run`);
    const { client1, client2 } = this.machines;
    const [machine, other] =
      allocation.NodeName === client1.name ? [client1, client2] : [client2, client1];
    return { allocation, machine, other };
  }

  /** What a machine's Docker has recorded of each container of a task. */
  async containers(machine: Machine, task: string): Promise<Container[]> {
    const ids = `sudo docker ps --all --quiet --filter name=${task}-`;
    const format = "{{.State.Running}} {{.State.StartedAt}} {{.State.FinishedAt}}";
    const { stdout } = await machine.exec(
      `${ids} | xargs --no-run-if-empty sudo docker inspect --format '${format}'`,
    );
    return stdout
      .split("\n")
      .filter(Boolean)
      .map((line) => {
        const [running, started = "", finished = ""] = line.split(" ");
        return { running: running === "true", started, finished };
      });
  }

  /**
   * The threads of an allocation's server that may still run: not those that have ended, nor those in
   * whose way to their end only the kernel stands. Each is told by its state, its flags and the masks of
   * its pending signals.
   */
  async threadsThatLive(machine: Machine, allocation: string): Promise<string[]> {
    const script = `for container in $(docker ps --quiet --filter name=mlflow_app-${allocation}); do
  for pid in $(docker top $container -eo pid | tail -n +2); do
    for task in /proc/$pid/task/*; do
      echo $(sed 's/.*) //' $task/stat | cut --delimiter ' ' --fields 1,7) \\
        $(awk '/^(SigPnd|ShdPnd):/ { print $2 }' $task/status)
    done
  done
done 2>/dev/null`;
    const { stdout } = await machine.exec("sudo sh -s", { input: script });
    const isKilled = (mask: string) => (BigInt(`0x${mask}`) & SIGKILL) !== 0n;
    return stdout.split("\n").filter((line) => {
      const [state, flags, ...pending] = line.split(" ");
      if (!flags || state === "Z" || state === "X") return false;
      return (Number(flags) & EXITING) === 0 && !pending.some(isKilled);
    });
  }

  /** When the Nomad agent of a machine was started. */
  async nomadStart(machine: Machine): Promise<string> {
    const show = "systemctl show nomad --property ActiveEnterTimestamp --value";
    return (await machine.exec(show)).stdout;
  }

  /** What SQLite says of the database, asked on the NAS itself. */
  async integrity(): Promise<string> {
    const { nas } = this.machines;
    const database = `${EXPORTS[0]}/mlflow.db`;
    return (await nas.exec(`sudo sqlite3 'file:${database}?mode=ro' 'pragma integrity_check'`))
      .stdout;
  }

  private async installTraefik(binary: string): Promise<void> {
    const { nas } = this.machines;
    // The binary is too large for a command's text.
    await execa("ssh", [...sshArguments(nas.ssh), "sudo tee /usr/local/bin/traefik > /dev/null"], {
      inputFile: binary,
      stdout: "ignore",
    });
    const write = async (path: string, text: string) =>
      await nas.exec(`sudo tee ${path} > /dev/null`, { input: text });
    await write("/etc/traefik.yml", traefikConfig([":80"], `http://${LAN.client1}:4646`));
    await write("/etc/systemd/system/traefik.service", TRAEFIK_UNIT);
    await nas.exec(
      "sudo chmod 755 /usr/local/bin/traefik && sudo systemctl daemon-reload && sudo systemctl enable --now traefik",
    );
    await until("Traefik answers", 180, async () => (await fetch(this.url)).status === 404);
  }
}

/** The steps that a stream was told are stored. */
export class Stream {
  private readonly process;
  private output = "";

  constructor(homelab: Homelab) {
    const script = join(ROOT, "test", "acceptance", "stream.py");
    this.process = execa(join(testToolsDirectory(), "python"), [script], {
      env: { ...homelab.clientEnvironment(), MLFLOW_HTTP_REQUEST_MAX_RETRIES: "2" },
      reject: false,
      buffer: false,
    });
    this.process.stdout.on("data", (chunk: Buffer) => {
      this.output += chunk;
    });
  }

  get run(): string {
    return this.output.split("\n")[0] ?? "";
  }

  get acknowledged(): number[] {
    return this.output.split("\n").slice(1, -1).map(Number);
  }

  async end(): Promise<void> {
    this.process.kill("SIGTERM");
    await this.process;
  }
}
