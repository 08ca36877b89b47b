import { labErrors } from "./errors.ts";
import type { LabState } from "./state.ts";

export interface LabEnvironment {
  /** More environment variables for cdktf, and so for terraform. */
  readonly env: Readonly<Record<string, string>>;
  /** More flags for `cdktf deploy`, `diff` and `destroy`. */
  readonly cdktfFlags: readonly string[];
}

/**
 * What cdktf needs to work with the tools and providers that lab-up found.
 *
 * @throws LabError when there is no state: the lab was never up
 */
export function labEnvironment(state: LabState | undefined): LabEnvironment {
  if (!state) throw labErrors.neverUp();
  return {
    env: {
      // The docker provider builds through buildx, which does not ask the provider for its host.
      DOCKER_HOST: state.dockerHost,
      TERRAFORM_BINARY_NAME: state.terraformBinary,
      // Terraform asks a host of its vendor for newer releases, and waits for it.
      CHECKPOINT_DISABLE: "1",
      ...(state.terraformRc
        ? {
            TF_CLI_CONFIG_FILE: state.terraformRc,
            // cdktf's cache is one for all stacks, and two runs of Terraform take providers away from each
            // other there; from a mirror it saves nothing:
            // https://developer.hashicorp.com/terraform/cli/config/config-file#provider-plugin-cache
            CDKTF_DISABLE_PLUGIN_CACHE_ENV: "1",
          }
        : {}),
    },
    // Locking providers asks their registry even where all of them come from a mirror.
    cdktfFlags: state.terraformRc ? ["--skip-provider-lock"] : [],
  };
}
