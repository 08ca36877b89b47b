import { rmSync } from "node:fs";
import { join } from "node:path";
import { type ByHand, byHand, inputsByHand } from "./by-hand.ts";
import type { Figure } from "./figure.ts";
import { inTurn, median, seconds } from "./statistics.ts";
import { throwAwayDeploy } from "./throw-away.ts";

/** Seconds that a first deploy may take longer than the way by hand. */
const ALLOWANCE = 10;

/** With nothing built, pushed or prepared, on a lab that is up: downloads are part of it. */
export const firstDeploy: Figure = {
  name: "first-deploy",
  title: "First deploy with an empty build cache",
  rounds: 2,
  async measure(bench, rounds) {
    if (!bench.ownsDocker) {
      console.log(`  left out: the build cache of ${bench.state.dockerHost} is not the lab's own`);
      return [];
    }
    const stages: ByHand[] = [];
    const resources: Record<string, string>[] = [];
    const result = await inTurn(
      rounds,
      async () => {
        await throwAwayDeploy(bench);
        rmSync(join(bench.checkout.directory, "ansible/generated"), {
          recursive: true,
          force: true,
        });
        return seconds(async () => resources.push(resourceTimes(await bench.deploy())));
      },
      async () => {
        await throwAwayDeploy(bench);
        const stage = await byHand(bench, await inputsByHand(bench));
        stages.push(stage);
        return stage.total;
      },
    );
    const [ours, value] = [median(result.ours), median(result.theirs)];
    return [
      {
        what: "first deploy, empty build cache",
        unit: "s",
        ours,
        comparison: { with: "by hand", value },
        target: { text: `<= by hand + ${ALLOWANCE} s`, reached: ours <= value + ALLOWANCE },
        samples: { ours: result.ours, oursByResource: resources, byHand: stages },
      },
    ];
  },
};

/** What Terraform says of each resource it made: its time, such as "1m2s". */
function resourceTimes(said: string): Record<string, string> {
  const lines = said.matchAll(/(\S+): Creation complete after (\S+)/g);
  return Object.fromEntries([...lines].map(([, address = "", time = ""]) => [address, time]));
}
