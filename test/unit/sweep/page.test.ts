import { describe, expect, it } from "vitest";
import { sweepPage } from "../../../sweep/page.ts";

const run = (experiment: string) => ({ id: "r", url: "", experiment });

describe("the page of a sweep's runs", () => {
  it("is its experiment's, with the runs of this sweep alone", () => {
    const page = sweepPage("http://mlflow.lan", "train-1a2b3c", [run("7"), run("7")]);
    expect(decodeURIComponent(page)).toBe(
      "http://mlflow.lan/#/experiments/7/runs?searchFilter=tags.sweep = 'train-1a2b3c'",
    );
  });

  it("is that of all experiments that its tasks log to", () => {
    const page = sweepPage("http://mlflow.lan/ml", "train", [run("7"), run("12")]);
    expect(decodeURIComponent(page)).toBe(
      `http://mlflow.lan/ml/#/compare-experiments/s?experiments=["12","7"]&searchFilter=tags.sweep = 'train'`,
    );
  });
});
