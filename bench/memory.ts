import { existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { Bench } from "./bench.ts";
import { Cgroup } from "./cgroup.ts";
import type { Figure } from "./figure.ts";
import { ours, type Server, stock, withServer } from "./servers.ts";
import { inTurn, median } from "./statistics.ts";
import { withBothOn, withStores } from "./stores.ts";

const LIMIT_MIB = 400;
const LOAD_SECONDS = 10;
const SETTLE_SECONDS = 3;

interface Sample {
  readonly rest: number;
  readonly load: number;
  readonly counter: string;
}

/** Each sample is of a server that was just started: none has the last one's memory. */
export const memory: Figure = {
  name: "memory",
  title: "Memory at rest and under load",
  rounds: 2,
  async measure(bench, rounds) {
    const limit = bench.config.resources.memory;
    const measure = (server: Server) => sample(bench, server);
    const samples = await inTurn(
      rounds,
      () => withServer(bench, ours(limit), measure),
      () => withServer(bench, stock(), measure),
    );
    const of = (side: Sample[], what: "rest" | "load") => median(side.map((each) => each[what]));
    const highest = Math.max(...samples.ours.map((each) => each.load));
    const killed = await stockAtLimit(bench, limit);
    // The most that a deploy without logins has.
    const kept = { backendStore: "postgresql", artifacts: "s3" } as const;
    const elsewhere = await withStores(bench, (stores) =>
      withBothOn(bench, stores, kept, (servers) => measure(servers.ours)),
    );
    return [
      {
        what: "memory at rest",
        unit: "MiB",
        ours: of(samples.ours, "rest"),
        comparison: { with: "stock", value: of(samples.theirs, "rest") },
        samples: { ours: samples.ours, stock: samples.theirs },
      },
      {
        what: "memory under load",
        unit: "MiB",
        ours: of(samples.ours, "load"),
        comparison: { with: "stock", value: of(samples.theirs, "load") },
        target: { text: `< ${LIMIT_MIB} MiB`, reached: highest < LIMIT_MIB },
        samples: { ours: samples.ours, stock: samples.theirs, stockAtLimit: killed },
        note: `peak; ours limited to ${limit} MB, stock not: with that limit ${killed}`,
      },
      {
        what: "memory under load, PostgreSQL and S3",
        unit: "MiB",
        ours: elsewhere.load,
        target: { text: `< ${limit} MiB`, reached: elsewhere.load < limit },
        samples: [elsewhere],
        note: `from ${elsewhere.rest.toFixed(0)} at rest; beside a stock that is not asked`,
      },
    ];
  },
};

async function sample(bench: Bench, server: Server): Promise<Sample> {
  const cgroup = new Cgroup(server.pid);
  await sleep(SETTLE_SECONDS * 1000);
  const rest = cgroup.mebibytes();
  const peak = await cgroup.peakDuring(() => load(bench, server));
  if (cgroup.kills() > 0) throw new Error(`${server.container}: killed for memory`);
  return { rest, load: peak, counter: cgroup.counter };
}

/** 8 clients log metrics while 100 MB artifacts go up and come back, two at a time. */
async function load(bench: Bench, { url }: Server): Promise<void> {
  let logging = true;
  const metrics = bench
    .load("log_metric.py", url, { clients: 8, seconds: LOAD_SECONDS })
    .finally(() => {
      logging = false;
    });
  const artifacts = async () => {
    while (logging) await bench.load("artifacts.py", url, { clients: 2, megabytes: 100 });
  };
  // Both are over when this returns, whatever becomes of one of them.
  const results = await Promise.allSettled([metrics, artifacts()]);
  for (const each of results) if (each.status === "rejected") throw each.reason;
}

/** What becomes of stock with the limit that ours lives in. */
async function stockAtLimit(bench: Bench, limit: number): Promise<string> {
  try {
    return await withServer(bench, stock({ memory: limit }), async (server) => {
      const cgroup = new Cgroup(server.pid);
      const failure = await load(bench, server).catch(() => "the load failed");
      const inspect = ["inspect", "--format", "{{.State.OOMKilled}}", server.container];
      if ((await bench.docker(inspect)) === "true") return "it is killed for memory";
      // When the server has ended, so has its group, and there is nothing to read.
      if (!existsSync(`/proc/${server.pid}`)) return "it ends";
      if (cgroup.kills() > 0) return "processes of it are killed for memory";
      return failure ?? "it lives as well";
    });
  } catch (error) {
    return `it does not come up: ${(error as Error).message.split("\n")[0]}`;
  }
}
