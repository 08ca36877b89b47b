import type { DnsServer } from "../dns/spec.ts";
import type { NomadTarget } from "../nomad/api.ts";
import type { NamedSource } from "../secrets/spec.ts";

/** What a deploy promises, and the check at its end asks for. */
export interface CheckSpec {
  readonly nomad: NomadTarget;
  /** Name of the job. */
  readonly job: string;
  /** Where clients reach MLflow, with its static prefix and without a slash at the end. */
  readonly url: string;
  /** The name in the browser, which may be another than the url's. */
  readonly hostname: string;
  /** Ask the url as clients do, or the address Nomad gave the server. */
  readonly through: "url" | "allocation";
  /** Whether artifacts pass through the server; it refuses them otherwise. */
  readonly artifacts: "proxied" | "direct";
  /** The server for artifacts alone, where there is one. */
  readonly artifactsServer?: ArtifactsServer;
  /** Whom MLflow lets in, and where the password is; none where it asks for no login. */
  readonly login?: { readonly username: string; readonly password: NamedSource };
  /** Which of Traefik's providers was told to route the url; none where Traefik is not used. */
  readonly traefik?: "nomad" | "consulCatalog";
  /** The record that a DNS server was told to have; it is asked for, and the name leads there. */
  readonly dns?: { readonly server: DnsServer; readonly name: string; readonly target: string };
  /** MLflow's version in the image. */
  readonly mlflowVersion: string;
  /** Seconds the deployment may take, from its registration. */
  readonly deadline: number;
}

export interface ArtifactsServer {
  /** Where clients reach it, without a path: the url, or one with a hostname of its own. */
  readonly url: string;
  /** What the places of its experiments begin with, such as "mlflow-artifacts:/". */
  readonly root: string;
}
