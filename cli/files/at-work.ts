import { NomadApi, type NomadTarget } from "../../nomad/api.ts";
import type { NomadJob } from "../../nomad/types.ts";
import { gatherOf, isOver, UnreadableSweep } from "../../sweep/gather.ts";
import { FILESTORES_META, SWEEP_META } from "../../sweep/in-nomad.ts";
import type { Context } from "../sweep/context.ts";

/** A sweep that runs, or may be retried. */
export interface AtWork {
  readonly sweep: string;
  /** Where its job is. */
  readonly target: NomadTarget;
}

/** The sweep at work of a name, and one that uses the store of that name: the volume is the same for all namespaces. */
export async function sweepsAtWork(
  { nomad, target }: Pick<Context, "nomad" | "target">,
  name: string,
): Promise<{ readonly own?: AtWork; readonly user?: AtWork }> {
  type Stub = Pick<NomadJob, "ID" | "Meta"> & { readonly Namespace: string };
  const all = await nomad.list<Stub>("/jobs", { meta: "true", namespace: "*" });
  const sweeps = all.filter(({ Meta }) => Meta?.[SWEEP_META] !== undefined);
  const firstAtWork = async (stubs: readonly Stub[]) => {
    for (const { ID, Namespace } of stubs) {
      const there = { ...target, namespace: Namespace };
      if (await isAtWork(new NomadApi(there), ID)) return { sweep: ID, target: there };
    }
    return undefined;
  };
  return {
    own: await firstAtWork(sweeps.filter(({ ID }) => ID === name)),
    user: await firstAtWork(sweeps.filter(({ Meta }) => storesOfMeta(Meta).includes(name))),
  };
}

function storesOfMeta(meta: NomadJob["Meta"]): string[] {
  return meta?.[FILESTORES_META]?.split(",") ?? [];
}

async function isAtWork(nomad: NomadApi, name: string): Promise<boolean> {
  const job = await nomad.get<NomadJob>(`/job/${encodeURIComponent(name)}`);
  if (!job) return false;
  try {
    return !isOver(await gatherOf(nomad, job), job);
  } catch (error) {
    if (error instanceof UnreadableSweep) return !(job.Stop && job.Status === "dead");
    throw error;
  }
}
