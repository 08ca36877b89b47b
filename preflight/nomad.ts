import { UserError } from "../config/errors.ts";
import { reason } from "../config/reason.ts";
import type { HomelabConfig } from "../config/schema.ts";
import { DEFAULT_NOMAD_ADDRESS, NO_NOMAD, NomadApi, NomadUnreachable } from "../nomad/api.ts";
import type { NomadNode } from "../nomad/types.ts";

const SETTING = "set nomad.address, NOMAD_ADDR, NOMAD_TOKEN or NOMAD_CACERT";

/**
 * Is there a Nomad with a leader, and may we ask it?
 *
 * @param deploys whether the job is to run there: then also, is there a place for it?
 */
export async function probeNomad({ nomad }: HomelabConfig, deploys: boolean): Promise<string[]> {
  const where = `Nomad at ${nomad.address || process.env.NOMAD_ADDR || DEFAULT_NOMAD_ADDRESS}`;
  const namespace = nomad.namespace || process.env.NOMAD_NAMESPACE || "default";
  try {
    const api = new NomadApi({ ...nomad, namespace });
    // Answered only by a cluster that has a leader and lets us in.
    const nodes = await api.get<NomadNode[]>("/nodes");
    if (!Array.isArray(nodes)) return [`${where}: ${NO_NOMAD}`];
    if (!deploys) return [];
    const problems: string[] = [];
    if (!(await api.get(`/namespace/${encodeURIComponent(namespace)}`)))
      problems.push(
        `${where}: there is no namespace "${namespace}"; make it, or set nomad.namespace`,
      );
    return [...problems, ...noPlace(nomad, nodes).map((line) => `${where}: ${line}`)];
  } catch (error) {
    if (error instanceof UserError && !(error instanceof NomadUnreachable))
      return [...error.problems];
    return [
      `${where}: ${reason(error instanceof NomadUnreachable ? error.cause : error)}; ${SETTING}`,
    ];
  }
}

/** Why none of the clients may run the job. */
function noPlace(
  { datacenters, nodePool }: HomelabConfig["nomad"],
  nodes: readonly NomadNode[],
): string[] {
  const ready = nodes.filter((each) => each.Status === "ready");
  if (ready.length === 0) {
    const found = nodes.map((each) => `${each.Name} is ${each.Status}`).join(", ") || "none";
    return [`no client is ready to run the job: found ${found}; start one`];
  }
  const none = (setting: string, where: (node: NomadNode) => string) => {
    const found = ready.map((each) => `${each.Name} in ${where(each)}`).join(", ");
    return [`no client is ready in ${setting}: found ${found}; set ${setting}`];
  };
  const there = ready.filter((each) => datacenters.some((glob) => matches(each.Datacenter, glob)));
  if (there.length === 0) return none("nomad.datacenters", ({ Datacenter }) => Datacenter);
  const poolOf = ({ NodePool = "default" }: NomadNode) => NodePool;
  if (nodePool !== "all" && !there.some((each) => poolOf(each) === nodePool))
    return none("nomad.nodePool", poolOf);
  return [];
}

/** Nomad's globs know "*" alone: https://github.com/ryanuber/go-glob */
function matches(datacenter: string, glob: string): boolean {
  const parts = glob.split("*").map((part) => part.replace(/[\\^$.|?+()[\]{}]/g, "\\$&"));
  return new RegExp(`^${parts.join(".*")}$`, "s").test(datacenter);
}
