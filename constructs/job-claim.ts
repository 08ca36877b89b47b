import { DataResource } from "cdktf";
import { Construct } from "constructs";
import type { NomadTarget } from "../nomad/api.ts";
import { escapeTerraform } from "./escape-terraform.ts";
import { runScript } from "./run-script.ts";

export interface JobClaimProps {
  /** Absolute path of the repository. */
  readonly root: string;
  readonly nomad: NomadTarget;
  /** Name of the job. */
  readonly job: string;
  /** Take over a job that was not deployed from this state. */
  readonly adopt: boolean;
}

/**
 * Says in the state that the job of this name is ours. It is made once, before anything else, and
 * fails when Nomad already runs a job of that name without our mark: that one is somebody else's.
 */
export class JobClaim extends Construct {
  readonly resource: DataResource;
  /** The mark for the job's meta, as a Terraform reference. */
  readonly owner: string;

  constructor(scope: Construct, id: string, props: JobClaimProps) {
    super(scope, id);
    // Lives as long as the state, unlike the claim: one that was refused elsewhere is lost.
    const owner = new DataResource(this, "owner");
    this.owner = owner.id;
    const ask = runScript(props.root, "check/claim.ts", {
      HOMELAB_JOB: props.job,
      HOMELAB_OWNER: owner.id,
      HOMELAB_NOMAD: escapeTerraform(JSON.stringify(props.nomad)),
    });
    this.resource = new DataResource(this, "name", {
      // A job of another name, or elsewhere, has to be claimed anew.
      triggersReplace: { job: props.job, ...definedIn(props.nomad) },
      // Also where nothing is asked, so that it is there before the job that carries it.
      dependsOn: [owner],
      provisioners: props.adopt ? undefined : [ask],
    });
  }
}

function definedIn(target: NomadTarget): Record<string, string> {
  return JSON.parse(escapeTerraform(JSON.stringify(target)));
}
