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
      { kind: "completed", resource: "docker_image.server-image_5639FB9A", took: "1m2s" },
    ],
    [
      "mlflow  nomad_job.mlflow-job_8AB9954B (mlflow-job/job): Modifications complete after 1s [id=mlflow]",
      { kind: "completed", resource: "nomad_job.mlflow-job_8AB9954B", took: "1s" },
    ],
    [
      "          # terraform_data.x_1 (a/b)[0] will be created",
      { kind: "planned", resource: "terraform_data.x_1" },
    ],
    [
      "mlflow  terraform_data.x_1 (a/b)[0]: Creation complete after 4s [id=1]",
      { kind: "completed", resource: "terraform_data.x_1", took: "4s" },
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
      "mlflow  terraform_data.x_1 (a/b) (local-exec): TASK [volume_directories : Make the directories] ****",
      { kind: "said", resource: "terraform_data.x_1", text: "Make the directories" },
    ],
    [
      "mlflow  terraform_data.x_1 (a/b) (local-exec): RUNNING HANDLER [r : Restart Nomad] ***",
      { kind: "said", resource: "terraform_data.x_1", text: "Restart Nomad" },
    ],
    [
      'mlflow  terraform_data.x_1 (a/b) (local-exec): Executing: ["/bin/sh" "-c" "exec true"]',
      undefined,
    ],
    ["mlflow  terraform_data.x_1 (a/b) (local-exec): ok: [localhost] => (item=/srv)", undefined],
    ["mlflow  terraform_data.x_1 (a/b) (local-exec): PLAY RECAP ****", undefined],
    [
      "mlflow  terraform_data.x_1 (a/b) (local-exec): localhost      : ok=14   changed=0",
      undefined,
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
        "        │ Error: no such thing",
        "        │   with docker_image.x",
      ]),
    ).toEqual(["Error: no such thing", "  with docker_image.x"]);
  });

  it("is explained by the disk when that is full", () => {
    const [line, ...more] = explainFailure([
      "        │ Error: Failed to save state: write x.tfstate: no space left on device",
      "        │   with docker_image.x",
    ]);
    expect(line).toMatch(/^a disk is full: Error: Failed to save state: .* device; free some/);
    expect(more).toEqual([]);
  });

  it("is explained by what an Ansible task refused, without the task's whole result", () => {
    expect(
      explainFailure([
        'mlflow  terraform_data.p_1 (v/playbook) (local-exec): failed: [m700] (item=/srv) => {"changed": false, "looked": {"msg": "non-zero return code"}, "msg": "m700: /srv: found \\"a\\", expected \\"b\\"", "read": {"x": 1}}',
        'mlflow  terraform_data.p_1 (v/playbook) (local-exec): fatal: [m700]: FAILED! => {"msg": "One or more items failed"}',
        "        │ Error: local-exec provisioner error",
      ]),
    ).toEqual(['m700: /srv: found "a", expected "b"']);
  });

  it("names the client that Ansible could not reach, or that failed by itself", () => {
    expect(
      explainFailure([
        'mlflow  terraform_data.p_1 (v/playbook) (local-exec): fatal: [m710]: UNREACHABLE! => {"changed": false, "msg": "Failed to connect to the host via ssh: no route", "unreachable": true}',
        'fatal: [m700]: FAILED! => {"changed": false, "msg": "No package matching nfs-common"}',
      ]),
    ).toEqual([
      "m710: Failed to connect to the host via ssh: no route",
      "m700: No package matching nfs-common",
    ]);
  });

  it("is not explained by the end of somebody else's 'rpc error:'", () => {
    const line = "        Error: Error running buildx build: rpc error: code = Unknown";
    expect(explainFailure([line])).toEqual([line.trim()]);
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
