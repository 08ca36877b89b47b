import { DataResource, type ITerraformDependable } from "cdktf";
import { Construct } from "constructs";
import { type SecretsSpec, variablePath } from "../secrets/spec.ts";
import { escapeTerraform } from "./escape-terraform.ts";
import { runScript } from "./run-script.ts";

export interface TaskSecretsProps {
  /** Absolute path of the repository. */
  readonly root: string;
  /** Where they come from and where Nomad keeps them; none where there are no sources. */
  readonly spec: SecretsSpec;
  /** Another one for each change of a secret, from which none can be guessed. */
  readonly generation: string;
  /** What has to be done before they are written. */
  readonly dependsOn?: ITerraformDependable[];
}

/**
 * The secrets of the server's task, as a Nomad variable. They are read and written by a program of
 * ours while Terraform applies, so neither the configuration nor the state has ever seen them.
 *
 * Two resources: one that is replaced for each change and removes nothing, as the job that runs
 * still needs what was there before, and one that lives as long as the variable and removes it.
 */
export class TaskSecrets extends Construct {
  /** The writing, for what needs the secrets; empty where there are none. */
  readonly written: DataResource[];
  /** What the task has to know to read them; nothing where there are none. */
  readonly ofTask?: { readonly path: string; readonly generation: string };

  constructor(scope: Construct, id: string, props: TaskSecretsProps) {
    super(scope, id);
    const { sources, ...where } = props.spec;
    // Without its block, Terraform would not know how to remove the variable.
    const count = Object.keys(sources).length > 0 ? 1 : 0;
    const place = escapeTerraform(JSON.stringify(where));
    const write = runScript(props.root, "secrets/main.ts", {
      HOMELAB_SECRETS_DO: "write",
      HOMELAB_SECRETS: escapeTerraform(JSON.stringify(props.spec)),
      HOMELAB_GENERATION: props.generation,
    });
    const remove = runScript(props.root, "secrets/main.ts", {
      HOMELAB_SECRETS_DO: "remove",
      // A destroy may refer to its own resource only.
      HOMELAB_SECRETS: "${self.output.place}",
    });
    const variable = new DataResource(this, "variable", {
      count,
      input: { place },
      triggersReplace: { place },
      dependsOn: props.dependsOn,
      provisioners: [{ ...remove, when: "destroy" }],
    });
    const values = new DataResource(this, "values", {
      count,
      triggersReplace: { place, generation: props.generation },
      dependsOn: [variable],
      provisioners: [write],
    });
    this.written = count > 0 ? [values] : [];
    if (count > 0) this.ofTask = { path: variablePath(where), generation: props.generation };
  }
}
