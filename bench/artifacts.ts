import type { Figure } from "./figure.ts";
import { type Server, withBothServers } from "./servers.ts";
import { inTurn, median } from "./statistics.ts";

interface Result {
  readonly uploadMBPerSecond: number;
  readonly downloadMBPerSecond: number;
}

/** Two clients, 100 MB each, up and then down. */
export const artifacts: Figure = {
  name: "artifacts",
  title: "Artifacts up and down",
  rounds: 5,
  measure: (bench, rounds) =>
    withBothServers(bench, async (servers) => {
      const move = (server: Server, megabytes: number) =>
        bench.load<Result>("artifacts.py", server.url, { clients: 2, megabytes });
      for (const server of Object.values(servers)) await move(server, 10);
      const samples = await inTurn(
        rounds,
        () => move(servers.ours, 100),
        () => move(servers.stock, 100),
      );
      const row = (what: string, key: keyof Result) => {
        const [ours, stock] = [samples.ours, samples.theirs].map((side) =>
          side.map((each) => each[key]),
        ) as [number[], number[]];
        return {
          what,
          unit: "MB/s",
          ours: median(ours),
          comparison: { with: "stock", value: median(stock) },
          samples: { ours, stock },
        };
      };
      return [
        row("artifacts up", "uploadMBPerSecond"),
        row("artifacts down", "downloadMBPerSecond"),
      ];
    }),
};
