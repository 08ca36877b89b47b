/** The table on the terminal, and the JSON file. */
import { mkdirSync, writeFileSync } from "node:fs";
import { cpus, loadavg, release, totalmem } from "node:os";
import { join } from "node:path";
import { ROOT } from "../config/load.ts";
import { mlflowVersion } from "../stacks/mlflow-version.ts";
import type { Row } from "./figure.ts";

export interface Machine {
  readonly cores: number;
  readonly memoryGiB: number;
  readonly kernel: string;
  readonly node: string;
  readonly mlflow: string;
  /** Load averages (1, 5 and 15 minutes) before the run: what others did meanwhile. */
  readonly loadBefore: readonly number[];
}

export function machine(): Machine {
  return {
    cores: cpus().length,
    memoryGiB: round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.version,
    mlflow: mlflowVersion(ROOT),
    loadBefore: loadavg().map(round),
  };
}

export interface Report {
  readonly started: Date;
  readonly seconds: number;
  readonly machine: Machine;
  readonly rows: readonly Row[];
  /** Names of figures that could not be measured. */
  readonly failed: readonly string[];
}

const HEAD = ["", "ours", "compared with", "ratio", "target", "reached"];

export function table({ rows, seconds, machine }: Report): string {
  const lines = rows.map((row) => [
    row.what,
    `${shown(row.ours)} ${row.unit}`,
    row.comparison ? `${row.comparison.with} ${shown(row.comparison.value)} ${row.unit}` : "",
    row.comparison ? (row.ours / row.comparison.value).toFixed(2) : "",
    row.target?.text ?? "",
    row.target ? (row.target.reached ? "yes" : "NO") : "",
  ]);
  const widths = HEAD.map((_, column) =>
    Math.max(...[HEAD, ...lines].map((line) => line[column]?.length ?? 0)),
  );
  const draw = (cells: string[]) =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd();
  const notes = rows.flatMap(({ what, note }) => (note ? [`${what}: ${note}`] : []));
  return [
    draw(HEAD),
    widths.map((width) => "-".repeat(width)).join("  "),
    ...lines.map(draw),
    "",
    ...notes,
    "",
    `Medians, in ${Math.round(seconds / 60)} min on ${machine.cores} cores; load average before ${machine.loadBefore.join(" ")}, after ${loadavg().map(round).join(" ")}.`,
  ].join("\n");
}

/** @returns the file's path from the repository's root */
export function writeReport(report: Report): string {
  const name = report.started.toISOString().slice(0, 19).replaceAll(":", "-");
  const path = join("bench", "results", `${name}.json`);
  mkdirSync(join(ROOT, "bench", "results"), { recursive: true });
  const machine = { ...report.machine, loadAfter: loadavg().map(round) };
  writeFileSync(join(ROOT, path), `${JSON.stringify({ ...report, machine }, undefined, 2)}\n`);
  return path;
}

function shown(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toFixed(value >= 10 ? 1 : 2);
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
