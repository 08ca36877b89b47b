import type { NomadTarget } from "../nomad/api.ts";

/** What a deploy promises, and the check at its end asks for. */
export interface CheckSpec {
  readonly nomad: NomadTarget;
  /** Name of the job. */
  readonly job: string;
  /** Where clients reach MLflow, without a path. */
  readonly url: string;
  /** Ask the url as clients do, or the address Nomad gave the server. */
  readonly through: "url" | "allocation";
  /** MLflow's version in the image. */
  readonly mlflowVersion: string;
  /** Seconds the deployment may take, from its registration. */
  readonly deadline: number;
}
