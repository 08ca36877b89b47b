import { DataResource, type TerraformResource } from "cdktf";
import { Construct } from "constructs";
import type { CheckSpec } from "../check/spec.ts";
import { escapeTerraform } from "./escape-terraform.ts";
import { runScript } from "./run-script.ts";

export interface DeploymentCheckProps {
  /** Absolute path of the repository. */
  readonly root: string;
  /** What to ask for. */
  readonly spec: CheckSpec;
  /** Image by digest that has to run; may be a Terraform reference. */
  readonly image: string;
  /** A change of any of these asks again. */
  readonly after: TerraformResource[];
}

/**
 * Waits for the job's deployment and asks the service from outside, whenever something that leads
 * to it changed. A check that failed is asked again by the next deploy.
 */
export class DeploymentCheck extends Construct {
  constructor(scope: Construct, id: string, props: DeploymentCheckProps) {
    super(scope, id);
    const spec = escapeTerraform(JSON.stringify(props.spec));
    new DataResource(this, "check", {
      triggersReplace: { spec, image: props.image },
      // By name: cdktf 0.21 writes a resource given here as an interpolation, which Terraform refuses.
      lifecycle: {
        replaceTriggeredBy: props.after.map(
          (each) => `${each.terraformResourceType}.${each.friendlyUniqueId}`,
        ),
      },
      dependsOn: props.after,
      provisioners: [
        runScript(props.root, "check/main.ts", { HOMELAB_CHECK: spec, HOMELAB_IMAGE: props.image }),
      ],
    });
  }
}
