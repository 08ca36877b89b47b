import { reason } from "../config/reason.ts";
import type { HomelabConfig } from "../config/schema.ts";
import { NomadApi, NomadUnreachable } from "../nomad/api.ts";
import type { NomadNode } from "../nomad/types.ts";

const SETTING = "set nomad.address, NOMAD_ADDR, NOMAD_TOKEN or NOMAD_CACERT";

/** Is there a Nomad with a leader, and may we ask it about jobs? */
export async function probeNomad({ nomad }: HomelabConfig): Promise<string[]> {
  const where = nomad.address || process.env.NOMAD_ADDR || "http://127.0.0.1:4646";
  try {
    const namespace = nomad.namespace || process.env.NOMAD_NAMESPACE || "default";
    const api = new NomadApi({ ...nomad, namespace });
    // Answered only by a cluster that has a leader and lets us in.
    const nodes = await api.get<NomadNode[]>("/nodes");
    if (!Array.isArray(nodes)) throw new Error("something answers there that is no Nomad");
    if (nodes.some((each) => each.Status === "ready")) return [];
    const found = nodes.map((each) => `${each.Name} is ${each.Status}`).join(", ") || "none";
    return [`Nomad at ${where}: no client is ready to run the job: found ${found}; start one`];
  } catch (error) {
    const cause = error instanceof NomadUnreachable ? error.cause : error;
    return [`Nomad at ${where}: ${reason(cause)}; ${SETTING}`];
  }
}
