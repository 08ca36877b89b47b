/** A test run as Markdown: each case, what was asserted, how long it took, and what was measured. */
import { readFileSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";
import { ROOT } from "../config/load.ts";
import { NOMAD_VERSION } from "../lab/nomad-binary.ts";
import { mlflowVersion } from "../stacks/mlflow-version.ts";

interface Result {
  readonly ancestorTitles: readonly string[];
  readonly title: string;
  readonly status: string;
  readonly duration?: number | null;
  readonly meta?: { readonly measured?: Readonly<Record<string, string>> };
}

/**
 * The report of a run.
 *
 * @param file what vitest's JSON reporter wrote
 * @param more what it ran on besides this machine, as the end of a sentence
 */
export function report(file: string, more = ""): string {
  const { testResults } = JSON.parse(readFileSync(file, "utf8")) as {
    testResults: { assertionResults: Result[] }[];
  };
  const all = testResults.flatMap((each) => each.assertionResults);
  // Those that a pattern left out.
  const results = all.filter(({ status }) => status !== "skipped");
  const others = all.length - results.length;
  const rows = results.map(({ ancestorTitles, title, status, duration }) => {
    const took = duration ? `${Math.round(duration / 1000)} s` : "";
    return `| ${ancestorTitles.at(-1)} | ${title} | ${took} | ${status} |`;
  });
  const figures = results.flatMap(({ meta }) => Object.entries(meta?.measured ?? {}));
  return [
    `${new Date().toISOString().slice(0, 10)}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()}${more}.`,
    `MLflow ${mlflowVersion(ROOT)} on Nomad ${NOMAD_VERSION}.`,
    "",
    "| Case | What was asserted | Took | Result |",
    "| --- | --- | --: | --- |",
    ...rows,
    "",
    ...(others > 0 ? [`${others} others were not asked for.`, ""] : []),
    "| What was measured | |",
    "| --- | --: |",
    ...figures.map(([name, figure]) => `| ${name} | ${figure} |`),
  ].join("\n");
}
