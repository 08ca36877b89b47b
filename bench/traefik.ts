import type { Bench } from "./bench.ts";
import type { Figure, Row } from "./figure.ts";
import { inTurn, median } from "./statistics.ts";

const OF_DIRECT = 0.9;
const CLIENTS = 8;
const SECONDS = 4;
const MEGABYTES = 100;

/** The deployed server, asked through Traefik and at its own port. */
export const traefik: Figure = {
  name: "traefik",
  title: "Through Traefik, and past it",
  // The rates of single runs scatter by a quarter.
  rounds: 11,
  async measure(bench, rounds) {
    await bench.ensureDeployed();
    const through = bench.config.url ?? "";
    // Under the url's name: MLflow refuses others.
    const direct = `http://${new URL(through).hostname}:${bench.settings.ports.mlflow}`;
    const measure = (url: string) => rates(bench, url);
    for (const url of [through, direct]) await measure(url);
    const { ours, theirs } = await inTurn(
      rounds,
      () => measure(through),
      () => measure(direct),
    );
    const row = (what: string, unit: string, key: keyof Rates): Row => {
      const [a, b] = [ours, theirs].map((side) => side.map((each) => each[key])) as [
        number[],
        number[],
      ];
      const ratio = median(a) / median(b);
      return {
        what: `${what} through Traefik`,
        unit,
        ours: median(a),
        comparison: { with: "direct", value: median(b) },
        target: { text: `>= ${OF_DIRECT} x direct`, reached: ratio >= OF_DIRECT },
        samples: { through: a, direct: b },
      };
    };
    return [
      row(`log-metric, ${CLIENTS} clients,`, "1/s", "metrics"),
      row("artifacts up", "MB/s", "up"),
      row("artifacts down", "MB/s", "down"),
    ];
  },
};

interface Rates {
  readonly metrics: number;
  readonly up: number;
  readonly down: number;
}

async function rates(bench: Bench, url: string): Promise<Rates> {
  const { perSecond } = await bench.load<{ perSecond: number }>("log_metric.py", url, {
    clients: CLIENTS,
    seconds: SECONDS,
  });
  const moved = await bench.load<{ uploadMBPerSecond: number; downloadMBPerSecond: number }>(
    "artifacts.py",
    url,
    { clients: 2, megabytes: MEGABYTES },
  );
  return { metrics: perSecond, up: moved.uploadMBPerSecond, down: moved.downloadMBPerSecond };
}
