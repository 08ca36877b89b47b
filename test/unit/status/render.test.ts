import { describe, expect, it } from "vitest";
import type { AllocationStatus, JobStatus } from "../../../status/gather.ts";
import { type DeploymentStatus, render } from "../../../status/render.ts";

const NOW = Date.parse("2026-01-02T12:00:00Z");
const allocation: AllocationStatus = {
  id: "1a2b3c4d-0000-0000-0000-000000000000",
  group: "svc",
  client: "m700",
  status: "running",
  healthy: true,
  address: "http://192.168.1.10:23456",
  startedAt: "2026-01-02T08:30:00Z",
  restarts: 0,
  memory: { used: 256, limit: 512 },
};
const job: JobStatus = {
  name: "mlflow",
  status: "running",
  version: 7,
  image: `registry.lan:5000/mlflow@sha256:${"4085196e".repeat(8)}`,
  allocations: [allocation],
  healthy: true,
};
const status: DeploymentStatus = {
  job,
  mlflowVersion: "3.17.2",
  urls: ["http://mlflow.lan"],
  nomad: "http://m700:4646",
  image: { version: "0.1.0", isDeployed: true, note: "the running one" },
  volumes: { runs: "nas.lan:/volume1/mlflow/store", artifacts: "nas.lan:/volume1/mlflow/files" },
};

const shown = (changes: Partial<AllocationStatus>, ofJob: Partial<JobStatus> = {}) =>
  render(
    { ...status, job: { ...job, allocations: [{ ...allocation, ...changes }], ...ofJob } },
    NOW,
  );

describe("the screen of status", () => {
  it("has all of a healthy deployment", () => {
    expect(render(status, NOW)).toEqual([
      "MLflow 3.17.2 runs and is healthy.",
      "",
      "  URL          http://mlflow.lan",
      "  job          mlflow: running, version 7",
      "               in Nomad at http://m700:4646",
      "  allocation   1a2b3c4d on m700: healthy, up for 3 h",
      "               at http://192.168.1.10:23456",
      "  memory       256 of 512 MiB (50 %)",
      "  image        registry.lan:5000/mlflow@sha256:4085196e4085",
      "  version      v0.1.0: the running one",
      "  runs         nas.lan:/volume1/mlflow/store",
      "  artifacts    nas.lan:/volume1/mlflow/files",
    ]);
  });

  it("tells a server for artifacts from the one for runs", () => {
    const two = [allocation, { ...allocation, id: "5e6f7a8b-0000", group: "artifacts" }];
    const lines = render({ ...status, job: { ...job, allocations: two } }, NOW);
    expect(lines).toContain("  allocation   1a2b3c4d (svc) on m700: healthy, up for 3 h");
    expect(lines).toContain("  allocation   5e6f7a8b (artifacts) on m700: healthy, up for 3 h");
  });

  it("says what happened last to one that is not healthy, in 80 columns", () => {
    const lastEvent = "the reason that Nomad gives for it, and more of it ".repeat(4).trim();
    const lines = shown({ healthy: false, restarts: 2, lastEvent }, { healthy: false });
    expect(lines[0]).toBe("MLflow is not healthy.");
    const text = lines.join("\n");
    expect(text).toContain(
      "running, not healthy, up for 3 h\n               started again 2 times",
    );
    expect(text.replace(/\n {15}/g, " ")).toContain(lastEvent);
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(80);
  });

  it("shows neither address nor memory of one that does not run", () => {
    const lines = shown({ status: "failed", healthy: false }, { healthy: false, status: "dead" });
    expect(lines[0]).toBe("MLflow is stopped; make deploy brings it up.");
    expect(lines.join("\n")).toContain("1a2b3c4d on m700: failed");
    expect(lines.join("\n")).not.toContain("memory");
    expect(lines.join("\n")).not.toContain("23456");
  });

  it("says how the client comes to tell the memory, where it does not", () => {
    expect(shown({ memory: { limit: 512 } }).join("\n")).toContain(
      "limit 512 MiB; the Nomad client measures it with\n               telemetry { publish_allocation_metrics = true }",
    );
  });

  it("names each allocation of a job that has several", () => {
    const other = { ...allocation, id: "5e6f7a8b-0", client: "m720" };
    const lines = render({ ...status, job: { ...job, allocations: [allocation, other] } }, NOW);
    expect(lines.filter((line) => line.includes("allocation "))).toHaveLength(2);
    expect(lines.join("\n")).toContain("5e6f7a8b on m720");
  });
});
