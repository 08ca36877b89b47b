import type { HomelabConfig } from "../config/schema.ts";
import { NomadApi } from "../nomad/api.ts";
import { reason } from "./reason.ts";

const SETTING = "set nomad.address, NOMAD_ADDR, NOMAD_TOKEN or NOMAD_CACERT";

/** Is there a Nomad with a leader, and may we ask it about jobs? */
export async function probeNomad({ nomad }: HomelabConfig): Promise<string[]> {
  const where = nomad.address || process.env.NOMAD_ADDR || "http://127.0.0.1:4646";
  try {
    const namespace = nomad.namespace || process.env.NOMAD_NAMESPACE || "default";
    const api = new NomadApi({ ...nomad, namespace });
    // Lists at most one job: answered only by a cluster that has a leader and lets us in.
    await api.get("/jobs", { per_page: "1" });
    return [];
  } catch (error) {
    return [`Nomad at ${where}: ${reason(error)}; ${SETTING}`];
  }
}
