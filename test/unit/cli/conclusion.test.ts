import { homedir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { conclusion } from "../../../cli/conclusion.ts";
import { checkConfig } from "../../../config/check.ts";
import type { HomelabInput } from "../../../config/schema.ts";
import { smallConfig } from "../synth.ts";

const outputs = {
  url: "http://localhost:24655",
  image: `127.0.0.1:24650/mlflow@sha256:${"4085196e".repeat(8)}`,
  version: "3.17.2",
  nomad_job_url: "http://m700:4646/ui/jobs/mlflow@default",
};

function shown(more: Partial<HomelabInput>, nomadBinary?: string): string[] {
  const config = checkConfig(smallConfig(more), "homelab.config.ts");
  return conclusion({ config, version: "0.1.0", changed: true, outputs, nomadBinary });
}

describe("the end of a deploy", () => {
  it("names the image by its tag, its digest in short, and the job's page", () => {
    const lines = shown({});
    expect(lines).toContain("  image           registry.lan:5000/mlflow:v0.1.0");
    expect(lines).toContain("  digest          sha256:4085196e4085");
    expect(lines).toContain("  Nomad job       http://m700:4646/ui/jobs/mlflow@default");
  });

  it("gives a command for the embedded homelab's job, whose Nomad may have no pages", () => {
    const binary = join(homedir(), ".cache/homelab-mlflow/builds/5d6039de7f6d5e74/nomad");
    const nomad = { address: "http://127.0.0.1:24646", region: "global", datacenters: ["dc1"] };
    const lines = shown({ embedded: true, nomad }, binary);
    expect(lines).toContain("  export NOMAD_ADDR=http://127.0.0.1:24646");
    expect(lines).toContain(
      "  ~/.cache/homelab-mlflow/builds/5d6039de7f6d5e74/nomad job status mlflow",
    );
    expect(lines.join("\n")).not.toContain("/ui/");
    expect(lines.join("\n")).toContain("make lab-down PURGE=1");
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80);
  });
});
