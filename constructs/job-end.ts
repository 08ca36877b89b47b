import { DataResource, type ITerraformDependable } from "cdktf";
import { Construct } from "constructs";
import type { NomadTarget } from "../nomad/api.ts";
import { escapeTerraform } from "./escape-terraform.ts";
import { runScript } from "./run-script.ts";

export interface JobEndProps {
  /** Absolute path of the repository. */
  readonly root: string;
  readonly nomad: NomadTarget;
  /** Name of the job. */
  readonly job: string;
  /** Seconds its tasks have to end. */
  readonly patience: number;
  /** The job. */
  readonly after: ITerraformDependable;
}

/**
 * Ends a job when it is destroyed, before Terraform makes Nomad forget it: who is told that it is stopped
 * may take its volumes away, or deploy again, at once. Nothing is done while it is deployed.
 */
export class JobEnd extends Construct {
  constructor(scope: Construct, id: string, { root, nomad, job, patience, after }: JobEndProps) {
    super(scope, id);
    new DataResource(this, "end", {
      // Kept in the state, where a destroy finds it. Of these only another name is another job.
      input: {
        nomad: escapeTerraform(JSON.stringify(nomad)),
        patience: String(patience),
      },
      triggersReplace: { job },
      dependsOn: [after],
      provisioners: [
        {
          ...runScript(root, "check/end.ts", {
            // A destroy may refer to its own resource only.
            HOMELAB_NOMAD: "${self.output.nomad}",
            HOMELAB_PATIENCE: "${self.output.patience}",
            HOMELAB_JOB: "${self.triggers_replace.job}",
          }),
          when: "destroy",
        },
      ],
    });
  }
}
