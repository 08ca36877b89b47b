import { Cgroup } from "./cgroup.ts";
import type { Figure, Row } from "./figure.ts";
import type { Server } from "./servers.ts";
import { inTurn, median } from "./statistics.ts";
import { type BackendStore, withBothOn, withStores } from "./stores.ts";

const STORES: readonly BackendStore[] = ["sqlite", "postgresql"];
const CLIENTS = [1, 8, 32];
/** With more at a time requests of stock wait until they fail: for each other's connections, for SQLite. */
const FEWER_CLIENTS = [1, 8];
const SECONDS = 3;
const RUNS = 10_000;

interface Result {
  readonly perSecond: number;
  readonly medianMs: number;
  readonly p99Ms: number;
}

const LOADS = [
  { what: "log-metric", script: "log_metric.py", args: {}, each: CLIENTS },
  {
    what: "log-batch of 1000",
    script: "log_metric.py",
    args: { batch: 1000 },
    each: FEWER_CLIENTS,
  },
  {
    what: `search over ${RUNS} runs`,
    script: "search.py",
    args: { runs: RUNS },
    each: FEWER_CLIENTS,
  },
] as const;

/** Requests a second with each backend store, beside stock with the same. */
export const backendStores: Figure = {
  name: "backend-stores",
  title: "Each backend store",
  rounds: 3,
  measure: (bench, rounds) =>
    withStores(bench, async (stores) => {
      const rows: Row[] = [];
      for (const backendStore of STORES)
        await withBothOn(bench, stores, { backendStore, artifacts: "volume" }, async (servers) => {
          const cgroup = new Cgroup(servers.ours.pid);
          const peak = await cgroup.peakDuring(async () => {
            for (const { what, script, args, each } of LOADS) {
              const measure = (server: Server, clients: number) =>
                bench.load<Result>(script, server.url, { clients, seconds: SECONDS, ...args });
              // The first requests of a worker import and compile; and the runs are made.
              for (const server of Object.values(servers)) await measure(server, 8);
              for (const clients of each) {
                const samples = await inTurn(
                  rounds,
                  () => measure(servers.ours, clients),
                  () => measure(servers.stock, clients),
                );
                rows.push(row(`${backendStore}: ${what}, ${clients} clients`, samples));
              }
            }
          });
          if (cgroup.kills() > 0) throw new Error(`${servers.ours.container}: killed for memory`);
          rows.push({
            what: `${backendStore}: memory, peak`,
            unit: "MiB",
            ours: peak,
            samples: [peak],
          });
        });
      return rows;
    }),
};

function row(what: string, { ours, theirs }: { ours: Result[]; theirs: Result[] }): Row {
  const [our, their] = [ours, theirs].map((side) => median(side.map((each) => each.perSecond))) as [
    number,
    number,
  ];
  const slow = (side: Result[]) =>
    `${median(side.map((each) => each.medianMs)).toFixed(0)} and ${median(side.map((each) => each.p99Ms)).toFixed(0)} ms`;
  return {
    what,
    unit: "1/s",
    ours: our,
    comparison: { with: "stock", value: their },
    target: { text: ">= stock", reached: our >= their },
    samples: { ours, stock: theirs },
    note: `median and slowest of a hundred ${slow(ours)}, stock ${slow(theirs)}`,
  };
}
