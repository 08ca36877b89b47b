import { describe, expect, it } from "vitest";
import { readablePlan } from "../../../cli/readable-plan.ts";

/** As `terraform show` writes it, with a shorter jobspec. */
const PLAN = `
Terraform used the selected providers to generate the following execution
plan. Resource actions are indicated with the following symbols:
-/+ destroy and then create replacement

Terraform will perform the following actions:

  # terraform_data.mlflow-job_8AB9954B must be replaced
-/+ resource "terraform_data" "mlflow-job_8AB9954B" {
      ~ triggers_replace = {
          ~ jobspec = <<-EOT
                job "mlflow" {
                  region    = "global"
                  priority  = 50
                  type      = "service"
                  env {
              -     HOMELAB_WORKERS = "2"
              +     HOMELAB_WORKERS = "1"
                    OTHER = "a"
                  }
                  resources {
                    cpu = 200
                  }
                }
            EOT
            # (1 unchanged attribute hidden)
        }
    }

Plan: 1 to add, 0 to change, 1 to destroy.

Changes to Outputs:
  ~ image = "a" -> "b"
`;

describe("a plan", () => {
  it("is shown without its legend, and of a long text only what changes", () => {
    expect(readablePlan(PLAN)).toEqual([
      "  # terraform_data.mlflow-job_8AB9954B must be replaced",
      '-/+ resource "terraform_data" "mlflow-job_8AB9954B" {',
      "      ~ triggers_replace = {",
      "          ~ jobspec = <<-EOT",
      "              ...",
      '                  type      = "service"',
      "                  env {",
      '              -     HOMELAB_WORKERS = "2"',
      '              +     HOMELAB_WORKERS = "1"',
      '                    OTHER = "a"',
      "                  }",
      "              ...",
      "            EOT",
      "            # (1 unchanged attribute hidden)",
      "        }",
      "    }",
      "",
      "Plan: 1 to add, 0 to change, 1 to destroy.",
    ]);
  });

  it("of outputs alone shows them", () => {
    expect(readablePlan("\nChanges to Outputs:\n  + url = 1\n\nYou can apply this plan")).toEqual([
      "Changes to Outputs:",
      "  + url = 1",
    ]);
  });

  it("without changes is nothing", () => {
    expect(readablePlan("\nNo changes. Your infrastructure matches.\n")).toEqual([]);
  });
});
