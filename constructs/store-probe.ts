import { DataResource, type ITerraformDependable } from "cdktf";
import { Construct } from "constructs";
import type { ProbeSpec } from "../probe/spec.ts";
import { escapeTerraform } from "./escape-terraform.ts";
import { runScript } from "./run-script.ts";

export interface StoreProbeProps {
  /** Absolute path of the repository. */
  readonly root: string;
  readonly spec: ProbeSpec;
  /** Image by digest; may be a Terraform reference. */
  readonly image: string;
  /** Another one for each change of a secret. */
  readonly generation: string;
  /** What has to be done before. */
  readonly dependsOn?: ITerraformDependable[];
}

/**
 * A look at the stores from a Nomad client before the job is touched, whenever they, the secrets or
 * the image have changed. One that failed is made again by the next deploy.
 */
export class StoreProbe extends Construct {
  readonly resource: DataResource;

  constructor(scope: Construct, id: string, props: StoreProbeProps) {
    super(scope, id);
    const spec = escapeTerraform(JSON.stringify(props.spec));
    this.resource = new DataResource(this, "look", {
      triggersReplace: { spec, image: props.image, generation: props.generation },
      dependsOn: props.dependsOn,
      provisioners: [
        runScript(props.root, "probe/main.ts", { HOMELAB_PROBE: spec, HOMELAB_IMAGE: props.image }),
      ],
    });
  }
}
