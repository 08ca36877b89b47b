import type { LocalExecProvisioner } from "cdktf";
import { escapeTerraform } from "./escape-terraform.ts";

/**
 * A provisioner that runs one of our TypeScript programs.
 *
 * @param root absolute path of the repository
 * @param script path from there, such as "check/main.ts"
 * @param environment what the program reads; Terraform references in it are resolved
 */
export function runScript(
  root: string,
  script: string,
  environment: Record<string, string>,
): LocalExecProvisioner {
  return {
    type: "local-exec",
    workingDir: escapeTerraform(root),
    command: `node_modules/.bin/jiti ${script}`,
    environment,
  };
}
