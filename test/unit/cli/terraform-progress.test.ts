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

  it("is explained by what an Ansible task refused, without the task's whole result", () => {
    expect(
      explainFailure([
        'mlflow  terraform_data.p_1 (v/playbook) (local-exec): failed: [m700] (item=/srv) => {"changed": false, "msg": "m700: /srv: found \\"a\\", expected \\"b\\"", "read": {"x": 1}}',
        'mlflow  terraform_data.p_1 (v/playbook) (local-exec): fatal: [m700]: FAILED! => {"msg": "One or more items failed"}',
        "        │ Error: local-exec provisioner error",
      ]),
    ).toEqual(['m700: /srv: found "a", expected "b"']);
  });

  it("is explained by the other deploy that is running", () => {
    expect(
      explainFailure([
        "        │ Error: Error acquiring the state lock",
        "        │   Who:       root@server",
        "        │ ... use -lock=false",
      ]),
    ).toEqual(["another deploy is running (root@server): wait until it has ended"]);
  });

  it("leaves out what Terraform repeats, cut into shorter lines", () => {
    expect(
      explainFailure([
        "mlflow  terraform_data.c_1 (c/claim) (local-exec): error: Nomad at x: a job is there; adopt it",
        "        error: Nomad at x: a job is",
      ]),
    ).toEqual(["Nomad at x: a job is there; adopt it"]);
  });
});
