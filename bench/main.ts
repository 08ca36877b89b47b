/**
 * `make bench`: measures and prints. In a lab of its own, which is deleted in the end.
 *
 *     npx jiti bench/main.ts [--only NAME,...] [--rounds N]
 */
import { join } from "node:path";
import { Command, InvalidArgumentError } from "commander";
import { exitOnUserError, UserError } from "../config/errors.ts";
import { ROOT } from "../config/load.ts";
import { labDown } from "../lab/down.ts";
import { labSettings } from "../lab/settings.ts";
import { labUp } from "../lab/up.ts";
import { artifactStores } from "./artifact-stores.ts";
import { artifacts } from "./artifacts.ts";
import { backendStores } from "./backend-stores.ts";
import { Bench } from "./bench.ts";
import { configChange } from "./config-change.ts";
import { count } from "./count.ts";
import type { Figure, Row } from "./figure.ts";
import { files } from "./files.ts";
import { firstDeploy } from "./first-deploy.ts";
import { imageSize } from "./image-size.ts";
import { logMetric } from "./log-metric.ts";
import { memory } from "./memory.ts";
import { noOpDeploy } from "./no-op-deploy.ts";
import { playbook } from "./playbook.ts";
import { machine, table, writeReport } from "./report.ts";
import { interruption } from "./run.ts";
import { sweep } from "./sweep.ts";
import { synth } from "./synth.ts";
import { traefik } from "./traefik.ts";

const FIGURES: readonly Figure[] = [
  synth,
  firstDeploy,
  noOpDeploy,
  configChange,
  imageSize,
  memory,
  logMetric,
  artifacts,
  traefik,
  playbook,
  backendStores,
  artifactStores,
  count,
  sweep,
  files,
];

interface Options {
  readonly only: readonly Figure[];
  readonly rounds: number;
}

const names = FIGURES.map(({ name }) => name);
const { only, rounds } = new Command("bench")
  .description(
    "Measures a deploy and the server, side by side with the way by hand and stock MLflow.",
  )
  .option("--only <names>", `figures, of: ${names.join(", ")}`, figuresNamed, FIGURES)
  .option("--rounds <n>", "measure each at most so often", positive, Number.POSITIVE_INFINITY)
  .parse()
  .opts<Options>();

// Never a lab of the user's: this one is deleted.
process.env.HOMELAB_LAB = join(ROOT, ".lab-bench");
process.env.HOMELAB_LAB_PORT = "28600";
// What is measured is the embedded homelab, whatever the user deploys elsewhere.
delete process.env.HOMELAB_CONFIG;

await exitOnUserError(async () => {
  const settings = labSettings();
  const before = machine();
  const started = new Date();
  const rows: Row[] = [];
  const failed: string[] = [];
  const tidyUp = () => labDown(settings, { purge: true, say: () => {} });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
    process.on(signal, () => interruption.abort());
  try {
    await tidyUp(); // of a run that was killed
    await labUp(settings);
    const bench = await Bench.create();
    for (const figure of only) {
      console.log(`\n${figure.title}`);
      try {
        rows.push(...(await figure.measure(bench, Math.min(rounds, figure.rounds))));
      } catch (error) {
        if (interruption.signal.aborted) throw new UserError(["interrupted"]);
        // The others are worth having all the same.
        failed.push(figure.name);
        console.error(`  ${figure.name} failed: ${(error as Error).message}`);
      }
    }
  } finally {
    await tidyUp();
  }
  const seconds = (Date.now() - started.getTime()) / 1000;
  const report = { started, seconds, machine: before, rows, failed };
  const file = writeReport(report);
  console.log(`\n${table(report)}\nEvery sample: ${file}`);
  if (failed.length > 0) console.error(`Not measured: ${failed.join(", ")}`);
  if (failed.length > 0) process.exitCode = 1;
});

function figuresNamed(value: string): Figure[] {
  return value.split(",").map((name) => {
    const figure = FIGURES.find((each) => each.name === name.trim());
    if (!figure) throw new InvalidArgumentError(`"${name}" is none of ${names.join(", ")}.`);
    return figure;
  });
}

function positive(value: string): number {
  const number = Number(value);
  if (!Number.isInteger(number) || number < 1) throw new InvalidArgumentError("Not 1 or more.");
  return number;
}
