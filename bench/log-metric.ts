import type { Figure, Row } from "./figure.ts";
import { type Server, withBothServers } from "./servers.ts";
import { inTurn, median } from "./statistics.ts";

const CLIENTS = [1, 8, 32];
const TIMES_STOCK = 1.4;
const SECONDS = 4;

interface Result {
  readonly perSecond: number;
  readonly p99Ms: number;
}

/** Both servers run all the time; one is asked while the other has nothing to do. */
export const logMetric: Figure = {
  name: "log-metric",
  title: "Metrics logged per second",
  rounds: 5,
  measure: (bench, rounds) =>
    withBothServers(bench, async (servers) => {
      const rows: Row[] = [];
      const log = (server: Server, clients: number, seconds: number) =>
        bench.load<Result>("log_metric.py", server.url, { clients, seconds });
      // The first requests of a worker import and compile.
      for (const server of Object.values(servers)) await log(server, 8, 2);
      for (const clients of CLIENTS) {
        const samples = await inTurn(
          rounds,
          () => log(servers.ours, clients, SECONDS),
          () => log(servers.stock, clients, SECONDS),
        );
        const rate = (side: Result[]) => side.map((each) => each.perSecond);
        const [ours, stock] = [rate(samples.ours), rate(samples.theirs)];
        const ratio = median(ours) / median(stock);
        const pairs = median(ours.map((each, round) => each / (stock[round] ?? Number.NaN)));
        const p99 = (side: Result[]) => median(side.map((each) => each.p99Ms)).toFixed(0);
        rows.push({
          what: `log-metric, ${clients} client${clients === 1 ? "" : "s"}`,
          unit: "1/s",
          ours: median(ours),
          comparison: { with: "stock", value: median(stock) },
          target: { text: `>= ${TIMES_STOCK} x stock`, reached: ratio >= TIMES_STOCK },
          samples: { ours: samples.ours, stock: samples.theirs },
          note: `median of the pairs' ratios ${pairs.toFixed(2)}; slowest of a hundred ${p99(samples.ours)} ms, stock ${p99(samples.theirs)} ms`,
        });
      }
      return rows;
    }),
};
