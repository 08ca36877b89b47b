import type { Figure } from "./figure.ts";
import { secondsUnanswered } from "./poll.ts";
import { median, seconds, times } from "./statistics.ts";

/** Seconds that the server may be silent while a changed job takes the old one's place. */
const SILENCE = 10;

/** One line of homelab.config.ts is changed: a variable of the server's environment. */
export const configChange: Figure = {
  name: "config-change",
  title: "Deploy after a change of one line",
  rounds: 3,
  async measure(bench, rounds) {
    await bench.ensureDeployed();
    const samples: { deploy: number; unanswered: number }[] = [];
    for (const round of times(rounds)) {
      // Unlike any value that was deployed before.
      const mark = `${Date.now()}-${round}`;
      bench.checkout.configure(`server: { workers: 2, env: { BENCH_MARK: "${mark}" } }`);
      let deploy = 0;
      const unanswered = await secondsUnanswered(`${bench.url}/health`, async () => {
        deploy = await seconds(() => bench.deploy());
      });
      if (unanswered === 0) throw new Error("the server was never gone: the change did nothing");
      samples.push({ deploy, unanswered });
    }
    const unanswered = samples.map((each) => each.unanswered);
    const longest = Math.max(...unanswered);
    return [
      {
        what: "deploy after a config change",
        unit: "s",
        ours: median(samples.map((each) => each.deploy)),
        samples,
      },
      {
        what: "unanswered in a config change",
        unit: "s",
        ours: median(unanswered),
        // Of every change, not of the one in the middle.
        target: { text: `< ${SILENCE} s`, reached: longest < SILENCE },
        samples: unanswered,
        note: `longest ${longest.toFixed(1)} s`,
      },
    ];
  },
};
