import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { request } from "undici";
import { clientUrl } from "../config/client-url.ts";
import { ROOT } from "../config/load.ts";
import { NomadApi } from "../nomad/api.ts";
import type { NomadAllocation } from "../nomad/types.ts";
import { type NomadAgent, startNomadAgent } from "../test/integration/nomad-agent.ts";
import { sweepConfig } from "../test/sweep-config.ts";
import type { Figure, Row } from "./figure.ts";
import { run } from "./run.ts";
import { inTurn, median, seconds, times } from "./statistics.ts";

const COUNTS = [1, 20, 500];
const MOST = 1.1;
const REGISTERED_S = 1;
const STATUS_S = 0.5;
const POLL_MS = 200;
const PATIENCE_MS = 1_800_000;
/** Nomad is quiet when for so long it takes less than this share of a core. */
const QUIET_MS = 2000;
const QUIET_SHARE = 0.1;
/** Of the kernel's ticks, in /proc/PID/stat. */
const TICKS_PER_SECOND = 100;
/** What each task is, on all sides. */
const TASK = "sleep 0.1";

/**
 * Trivial tasks on a Nomad agent of their own, without containers, which would take most of the time on
 * all sides: by a sweep, by a batch job and by dispatches as one writes them by hand. And once by a batch
 * job that gives each task its value, as a sweep does, by a template: what that costs by hand.
 */
export const sweep: Figure = {
  name: "sweep",
  title: "Sweeps",
  rounds: 3,
  async measure(bench, rounds) {
    await bench.ensureDeployed();
    const folder = mkdtempSync(join(tmpdir(), "homelab-bench-sweep-"));
    const agent = await startNomadAgent(bench.state.nomadBinary, folder);
    try {
      const side = new Side(bench.state.nomadBinary, agent, folder, clientUrl(bench.config));
      await side.prepare();
      const rows: Row[] = [];
      for (const count of COUNTS) rows.push(...(await compare(side, count, rounds)));
      return [...rows, ...(await alone(side, rounds))];
    } finally {
      await agent.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

interface Sample {
  readonly seconds: number;
  /** Seconds of CPU of Nomad, server and client in one. */
  readonly nomad: number;
}

async function compare(side: Side, count: number, rounds: number): Promise<Row[]> {
  const sweeps = (round: number) => side.sample(() => side.sweep(`sweep-${count}-${round}`, count));
  const { ours, theirs } = await inTurn(rounds, sweeps, (round) =>
    side.sample(() => side.batchJob(`batch-${count}-${round}`, count, BARE)),
  );
  const withValues = await side.sample(() =>
    side.batchJob(`valued-${count}`, count, valued(count)),
  );
  const dispatched = await side.sample(() => side.dispatches(count));
  const of = (samples: readonly Sample[], key: keyof Sample) =>
    median(samples.map((each) => each[key]));
  const [time, byHand] = [of(ours, "seconds"), of(theirs, "seconds")];
  const what = `sweep, ${count} task${count === 1 ? "" : "s"}`;
  const nomad = [of(ours, "nomad"), of(theirs, "nomad"), withValues.nomad, dispatched.nomad].map(
    (each) => each.toFixed(1),
  );
  return [
    {
      what,
      unit: "s",
      ours: time,
      comparison: { with: "batch job", value: byHand },
      // Of few tasks the time is that of starting the command, which is a row of its own.
      ...(count === Math.max(...COUNTS)
        ? { target: { text: `<= ${MOST} x batch job`, reached: time <= MOST * byHand } }
        : {}),
      samples: { ours, theirs },
      note: `CPU of Nomad: ${nomad[0]} s, batch job ${nomad[1]} s, with values ${nomad[2]} s, dispatches ${nomad[3]} s`,
    },
    {
      what,
      unit: "s",
      ours: time,
      comparison: { with: "batch job with values", value: withValues.seconds },
      samples: { ours, withValues },
    },
    {
      what,
      unit: "s",
      ours: time,
      comparison: { with: "dispatches", value: dispatched.seconds },
      samples: { ours, dispatched },
    },
  ];
}

/** What a user waits for, once Nomad has cleaned up after the tasks above. */
async function alone(side: Side, rounds: number): Promise<Row[]> {
  const most = Math.max(...COUNTS);
  const status = () => seconds(() => side.status(`sweep-${most}-0`));
  const registered: number[] = [];
  const withoutRuns: number[] = [];
  const withRuns: number[] = [];
  for (const round of times(rounds)) {
    const name = `registered-${round}`;
    await side.quiet();
    registered.push(await seconds(() => side.register(name)));
    await side.ended(name, 1);
    await side.quiet();
    withoutRuns.push(await status());
  }
  await side.logRuns(`sweep-${most}-0`, most);
  for (const _ of times(rounds)) {
    await side.quiet();
    withRuns.push(await status());
  }
  const row = (what: string, samples: number[], limit: number): Row => {
    const value = median(samples);
    const target = { text: `< ${limit} s`, reached: value < limit };
    return { what, unit: "s", ours: value, target, samples };
  };
  return [
    row("sweep run, until it is registered", registered, REGISTERED_S),
    row(`sweep status, ${most} tasks without runs`, withoutRuns, STATUS_S),
    row(`sweep status, ${most} tasks with a run each`, withRuns, STATUS_S),
  ];
}

class Side {
  constructor(
    private readonly nomadBinary: string,
    private readonly agent: NomadAgent,
    private readonly folder: string,
    private readonly mlflow: string,
  ) {}

  private get api(): NomadApi {
    const { address } = this.agent;
    return new NomadApi({ address, region: "global", namespace: "default" });
  }

  async prepare(): Promise<void> {
    writeFileSync(join(this.folder, "task.sh"), `#!/bin/sh\n${TASK}\n`);
    writeFileSync(
      join(this.folder, "homelab.config.ts"),
      sweepConfig(this.agent.address, this.mlflow),
    );
    writeFileSync(join(this.folder, "dispatched.hcl"), dispatched());
    await this.nomad(["job", "run", join(this.folder, "dispatched.hcl")]);
    // What is loaded for the first time is not what is measured.
    await this.sweep("warm-up", 1);
  }

  async sample(work: () => Promise<unknown>): Promise<Sample> {
    const before = cpuSeconds(this.agent.pid());
    const took = await seconds(work);
    return { seconds: took, nomad: cpuSeconds(this.agent.pid()) - before };
  }

  async sweep(name: string, count: number): Promise<void> {
    const options = ["--wait", "--yes", "--ntasks", String(count)];
    await this.homelab(["run", "--name", name, ...SMALL, ...options, "--", "task.sh"]);
  }

  async register(name: string): Promise<void> {
    await this.homelab(["run", "--name", name, ...SMALL, "--", "task.sh"]);
  }

  async status(name: string): Promise<void> {
    await this.homelab(["status", name]);
  }

  /** A run of each task, with the tags that a task's own have, and what scripts log. */
  async logRuns(sweep: string, count: number): Promise<void> {
    const pairs = (of: object) => Object.entries(of).map(([key, value]) => ({ key, value }));
    for (const index of times(count)) {
      const tags = { sweep, "sweep.index": String(index), "sweep.value": String(index) };
      const { run } = await this.ask<{ run: { info: { run_id: string } } }>("runs/create", {
        ...{ experiment_id: "0", start_time: Date.now(), tags: pairs(tags) },
      });
      const metrics = pairs({ loss: index, accuracy: index, epoch: index });
      await this.ask("runs/log-batch", {
        run_id: run.info.run_id,
        params: pairs({ lr: "0.1", batch: "32" }),
        metrics: metrics.map((each) => ({ ...each, timestamp: Date.now(), step: 0 })),
      });
    }
  }

  private async ask<T>(path: string, body: object): Promise<T> {
    const { statusCode, body: said } = await request(`${this.mlflow}/api/2.0/mlflow/${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    const text = await said.text();
    if (statusCode !== 200) throw new Error(`${path}: ${statusCode} ${text}`);
    return JSON.parse(text);
  }

  async batchJob(name: string, count: number, tasks: string): Promise<void> {
    const file = join(this.folder, `${name}.hcl`);
    writeFileSync(file, batch(name, count, tasks));
    await this.nomad(["job", "run", "-detach", file]);
    await this.ended(name, count);
  }

  async dispatches(count: number): Promise<void> {
    const before = await this.dispatchedDone();
    for (const _ of times(count)) await this.nomad(["job", "dispatch", "-detach", "dispatched"]);
    await this.until(async () => (await this.dispatchedDone()) === before + count);
  }

  private async dispatchedDone(): Promise<number> {
    const job = await this.api.get<{ Children?: { Dead: number } }>("/job/dispatched/summary");
    return job?.Children?.Dead ?? 0;
  }

  async ended(name: string, count: number): Promise<void> {
    await this.until(async () => {
      const all = (await this.api.get<NomadAllocation[]>(`/job/${name}/allocations`)) ?? [];
      return all.filter(({ ClientStatus }) => ClientStatus === "complete").length === count;
    });
  }

  async quiet(): Promise<void> {
    await this.until(async () => {
      const { nomad } = await this.sample(() => sleep(QUIET_MS));
      return nomad < QUIET_SHARE * (QUIET_MS / 1000);
    });
  }

  private async until(condition: () => Promise<boolean>): Promise<void> {
    for (const end = Date.now() + PATIENCE_MS; !(await condition()); await sleep(POLL_MS))
      if (Date.now() > end) throw new Error("Nomad is not done with the tasks");
  }

  private nomad(args: readonly string[]): Promise<string> {
    return run(this.nomadBinary, args, { env: { NOMAD_ADDR: this.agent.address } });
  }

  private homelab(args: readonly string[]): Promise<string> {
    return run("node", [join(ROOT, "cli", "homelab.mjs"), "sweep", ...args], {
      cwd: this.folder,
      env: { HOMELAB_CONFIG: join(this.folder, "homelab.config.ts"), NOMAD_TOKEN: "" },
      patience: PATIENCE_MS / 1000,
    });
  }
}

const SMALL = ["--driver", "raw_exec", "--cpu", "10", "--memory", "10"];

const BARE = task(`args = ["-c", "${TASK}"]`);

/** The script gets the task's value, as a sweep's does. */
function valued(count: number): string {
  return task(
    `args = ["local/task.sh"]`,
    `
      template {
        destination = "local/task.sh"
        data        = <<EOF
set -- ${times(count).join(" ")}
shift "$NOMAD_ALLOC_INDEX"
export VALUE="$1"
${TASK}
EOF
      }`,
  );
}

function task(args: string, more = ""): string {
  return `
    task "task" {
      driver = "raw_exec"
      config {
        command = "/bin/sh"
        ${args}
      }${more}
      resources {
        cpu    = 10
        memory = 10
      }
    }`;
}

function batch(name: string, count: number, tasks: string): string {
  return `job "${name}" {
  type = "batch"
  group "tasks" {
    count = ${count}${tasks}
  }
}
`;
}

function dispatched(): string {
  return `job "dispatched" {
  type = "batch"
  parameterized {}
  group "tasks" {${BARE}
  }
}
`;
}

/** User and system time of a process, and not of its children. */
function cpuSeconds(pid: string): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}
