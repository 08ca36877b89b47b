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
  /** Absolute path of Terraform's state file. */
  readonly state: string;
  /** Take over a job that this state does not know. */
  readonly adopt: boolean;
}

/**
 * Marks in the state that the job of this name is ours. It is made once, before anything else, and
 * fails when Nomad already runs a job of that name: that one belongs to somebody else.
 */
export class JobClaim extends Construct {
  readonly resource: DataResource;

  constructor(scope: Construct, id: string, props: JobClaimProps) {
    super(scope, id);
    const ask = runScript(props.root, "check/claim.ts", {
      HOMELAB_JOB: props.job,
      HOMELAB_STATE: escapeTerraform(props.state),
      HOMELAB_NOMAD: escapeTerraform(JSON.stringify(props.nomad)),
    });
    this.resource = new DataResource(this, "claim", {
      // A job of another name, or elsewhere, has to be claimed anew.
      triggersReplace: { job: props.job, ...definedIn(props.nomad) },
      provisioners: props.adopt ? undefined : [ask],
    });
  }
}

function definedIn(target: NomadTarget): Record<string, string> {
  return JSON.parse(escapeTerraform(JSON.stringify(target)));
}
