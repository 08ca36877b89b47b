import { UserError } from "../../config/errors.ts";
import { type LoadedConfig, loadConfig } from "../../config/load.ts";
import { reason } from "../../config/reason.ts";
import { Interrupted } from "../../lab/errors.ts";
import { NomadApi, type NomadTarget, NomadUnreachable } from "../../nomad/api.ts";
import { expectNamespace } from "../../nomad/namespace.ts";
import { nomadTarget } from "../../nomad/target.ts";
import { NoSweep } from "../../sweep/gather.ts";
import { BAD_INPUT, failWith } from "../exit-code.ts";

/** Exit code where Nomad can't be asked, or does not let us. */
const NO_NOMAD = 3;

/** Of files, not of Nomad: it keeps its exit code. */
export class FilesFailure extends UserError {}

/** What each of the sweep commands needs. */
export interface Context extends LoadedConfig {
  readonly target: NomadTarget;
  readonly nomad: NomadApi;
}

/** @param namespace in place of the config's */
export async function contextOf(namespace?: string): Promise<Context> {
  const loaded = await failWith(BAD_INPUT, () => loadConfig());
  const own = nomadTarget(loaded.config);
  const target = { ...own, namespace: namespace ?? own.namespace };
  return { ...loaded, target, nomad: new NomadApi(target) };
}

/** `npx homelab sweep stop NAME`, as it finds the sweep: in its namespace, where that is not the config's. */
export function sweepCommand(
  { config, target }: Pick<Context, "config" | "target">,
  words: string,
): string {
  const { namespace } = target;
  const isElsewhere = namespace !== nomadTarget(config).namespace;
  return `npx homelab sweep ${words}${isElsewhere ? ` --namespace ${namespace}` : ""}`;
}

/**
 * Runs what asks Nomad: an error without an exit code of its own ends with that of Nomad. Where a sweep is
 * not found, it may be the namespace that is not there, or Nomad.
 */
export async function asking<T>(context: Context, part: () => Promise<T>): Promise<T> {
  const { config, nomad, target } = context;
  const orNoNamespace = async (error: unknown) => {
    if (error instanceof NoSweep) await expectNamespace(nomad, target.namespace);
    throw error;
  };
  try {
    return await part().catch(orNoNamespace);
  } catch (error) {
    if (error instanceof NomadUnreachable) {
      const todo = config.embedded ? "make lab-up starts it" : "start it, or set nomad.address";
      throw new UserError([`Nomad at ${nomad.address}: ${reason(error.cause)}; ${todo}`], NO_NOMAD);
    }
    if (error instanceof FilesFailure || error instanceof Interrupted) throw error;
    if (error instanceof UserError && error.exitCode === 1)
      throw new UserError(error.problems, NO_NOMAD);
    throw error;
  }
}
