import { describe, expect, it } from "vitest";
import { explainFailure, parseTerraformLine } from "../../../cli/terraform-progress.ts";

describe("a line of cdktf's output", () => {
  it.each([
    [
      "          # docker_image.server-image_5639FB9A (server-image/image) must be replaced",
      { kind: "planned", resource: "docker_image.server-image_5639FB9A" },
    ],
    [
      "          # terraform_data.x_1 (a/b) is tainted, so must be replaced",
      { kind: "planned", resource: "terraform_data.x_1" },
    ],
    ["          # nomad_job.x_1 (a/b) will be destroyed", undefined],
    ["        Plan: 1 to add, 0 to change, 1 to destroy.", { kind: "plan-made" }],
    ["mlflow  No changes. Your infrastructure matches the configuration.", { kind: "plan-made" }],
    [
      "        docker_image.server-image_5639FB9A (server-image/image): Creation complete after 1m2s [id=sha256:1]",
      { kind: "completed", resource: "docker_image.server-image_5639FB9A" },
    ],
    [
      "mlflow  nomad_job.mlflow-job_8AB9954B (mlflow-job/job): Modifications complete after 1s [id=mlflow]",
      { kind: "completed", resource: "nomad_job.mlflow-job_8AB9954B" },
    ],
    [
      "mlflow  terraform_data.x_1 (a/b) (local-exec): MLflow 3.17.2 answers at http://x: all well",
      {
        kind: "said",
        resource: "terraform_data.x_1",
        text: "MLflow 3.17.2 answers at http://x: all well",
      },
    ],
    [
      "mlflow  Apply complete! Resources: 2 added, 1 changed, 3 destroyed.",
      { kind: "summary", added: 2, changed: 1, destroyed: 3 },
    ],
    ["        Initializing provider plugins...", undefined],
    ["mlflow  docker_image.a (a/b): Still creating... [10s elapsed]", undefined],
  ])("%s", (line, event) => {
    expect(parseTerraformLine(line)).toEqual(event);
  });
});

describe("a failed deploy", () => {
  it("is explained by our own lines, each once, when there are any", () => {
    expect(
      explainFailure([
        "mlflow  terraform_data.c_1 (c/check) (local-exec): error: job mlflow, version 2: failed",
        "        │ Error: local-exec provisioner error",
        "        │ error: job mlflow, version 2: failed",
      ]),
    ).toEqual(["job mlflow, version 2: failed"]);
  });

  it("is explained by Terraform's lines otherwise", () => {
    expect(
      explainFailure([
        "mlflow  Plan: 1 to add",
        "        │ Error: no space left",
        "        │   with docker_image.x",
      ]),
    ).toEqual(["Error: no space left", "  with docker_image.x"]);
  });
});
