import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Figure } from "./figure.ts";
import { run } from "./run.ts";
import { median, seconds, times } from "./statistics.ts";

/** The app alone, without cdktf's command around it. */
export const synth: Figure = {
  name: "synth",
  title: "Synth",
  rounds: 5,
  async measure({ checkout }, rounds) {
    const outdir = mkdtempSync(join(tmpdir(), "homelab-bench-"));
    const samples: number[] = [];
    try {
      for (const _ of times(rounds))
        samples.push(
          await seconds(() =>
            run("node_modules/.bin/jiti", ["main.ts"], {
              cwd: checkout.directory,
              env: { CDKTF_OUTDIR: outdir },
            }),
          ),
        );
    } finally {
      rmSync(outdir, { recursive: true, force: true });
    }
    return [{ what: "synth", unit: "s", ours: median(samples), samples }];
  },
};
