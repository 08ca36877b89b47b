import { Job } from "@cdktf/provider-nomad/lib/job/index.js";
import type { NomadProvider } from "@cdktf/provider-nomad/lib/provider/index.js";
import type { ITerraformDependable } from "cdktf";
import { Construct } from "constructs";
import { OWNER_META } from "../nomad/owner.ts";
import { render } from "../templates/render.ts";
import { escapeTerraform } from "./escape-terraform.ts";

export interface MlflowJobProps {
  /** The provider that registers the job. */
  readonly provider: NomadProvider;
  /** Name of the job. */
  readonly name: string;
  readonly region: string;
  readonly datacenters: readonly string[];
  readonly namespace: string;
  /** 1 to 100; higher goes first. */
  readonly priority: number;
  readonly constraints: readonly JobConstraint[];
  /** Image by digest; may be a Terraform reference. */
  readonly image: string;
  /**
   * Fixed port on the client.
   * @default one that Nomad picks
   */
  readonly staticPort?: number;
  /** Host volumes and where the server finds them. */
  readonly volumes: readonly JobVolume[];
  readonly service: JobService;
  /** Environment of the server. */
  readonly env: Readonly<Record<string, string>>;
  /** CPU share, MHz. */
  readonly cpu: number;
  /** Memory limit, MiB. */
  readonly memory: number;
  /** Seconds between SIGTERM and SIGKILL. */
  readonly killTimeout: number;
  /** Seconds a new allocation has to become healthy, the pull of the image included. */
  readonly healthyDeadline: number;
  /** Whose job this is: the mark in its meta; may be a Terraform reference. */
  readonly owner: string;
  /** What has to be done before the job is registered. */
  readonly dependsOn?: ITerraformDependable[];
}

export interface JobConstraint {
  /** Such as "${node.class}". */
  readonly attribute: string;
  readonly operator: string;
  readonly value: string;
}

export interface JobVolume {
  /** Name of the host volume. */
  readonly name: string;
  /** Absolute path in the container. */
  readonly destination: string;
}

export interface JobService {
  readonly name: string;
  readonly provider: "nomad" | "consul";
  readonly tags: readonly string[];
}

/** These stand for Terraform references while the jobspec is rendered, which must not be quoted. */
const IMAGE = "homelab-mlflow-image";
const OWNER = "homelab-mlflow-owner";

/** The Nomad job, registered but not waited for: DeploymentCheck does that, and tells more. */
export class MlflowJob extends Construct {
  /** The resource, for what depends on the job. */
  readonly resource: Job;

  constructor(scope: Construct, id: string, props: MlflowJobProps) {
    super(scope, id);
    const jobspec = render("mlflow.nomad.hcl", {
      ...props,
      image: IMAGE,
      owner: { key: OWNER_META, value: OWNER },
      staticPort: props.staticPort ?? null,
    });
    this.resource = new Job(this, "job", {
      provider: props.provider,
      jobspec: escapeTerraform(jobspec)
        .replace(IMAGE, () => props.image)
        .replace(OWNER, () => props.owner),
      detach: true,
      purgeOnDestroy: true,
      rerunIfDead: true,
      dependsOn: props.dependsOn,
    });
  }
}
