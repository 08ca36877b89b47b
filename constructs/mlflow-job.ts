import { Job } from "@cdktf/provider-nomad/lib/job/index.js";
import type { NomadProvider } from "@cdktf/provider-nomad/lib/provider/index.js";
import type { ITerraformDependable } from "cdktf";
import { Construct } from "constructs";
import { OWNER_META } from "../nomad/owner.ts";
import { STORAGE_META } from "../nomad/storage-meta.ts";
import { GENERATION_META } from "../secrets/spec.ts";
import { secretsTemplate } from "../secrets/template.ts";
import { render } from "../templates/render.ts";
import { escapeTerraform } from "./escape-terraform.ts";

export interface MlflowJobProps {
  /** The provider that registers the job. */
  readonly provider: NomadProvider;
  /** Name of the job. */
  readonly name: string;
  readonly region: string;
  readonly datacenters: readonly string[];
  /** Such as "default", Nomad's own. */
  readonly nodePool: string;
  readonly namespace: string;
  /** 1 to 100; higher goes first. */
  readonly priority: number;
  readonly constraints: readonly JobConstraint[];
  /** Image by digest; may be a Terraform reference. */
  readonly image: string;
  /** The kinds of the servers' stores, for the job's meta. */
  readonly storage: string;
  /** The server, and the one for artifacts alone where there is one; each is a group. */
  readonly groups: readonly JobGroup[];
  /** Numeric user and group id of the servers. */
  readonly uid: number;
  readonly gid: number;
  /** Seconds between SIGTERM and SIGKILL. */
  readonly killTimeout: number;
  /** Seconds a new allocation has to become healthy, the pull of the image included. */
  readonly healthyDeadline: number;
  /** Whose job this is: the mark in its meta; may be a Terraform reference. */
  readonly owner: string;
  /** What has to be done before the job is registered. */
  readonly dependsOn?: ITerraformDependable[];
}

/** A server, as a group of one task. */
export interface JobGroup {
  readonly name: string;
  /** Name of the task. */
  readonly task: string;
  /** Servers at a time. */
  readonly count: number;
  /**
   * Fixed port on the client.
   * @default one that Nomad picks
   */
  readonly staticPort?: number;
  /** Arguments of the image's entrypoint. */
  readonly args: readonly string[];
  /** Path that Nomad asks for its health. */
  readonly healthPath: string;
  /** Whether it is asked by TLS. */
  readonly speaksTls: boolean;
  /** Host volumes and where the server finds them. */
  readonly volumes: readonly JobVolume[];
  /** Files that the server finds in its task's directory. */
  readonly files: readonly JobFile[];
  /** Whether new servers are started while the old ones still serve, and take their place when healthy. */
  readonly besideTheOld: boolean;
  readonly service: JobService;
  /** Environment of the server. */
  readonly env: Readonly<Record<string, string>>;
  /**
   * The generation of secrets that the server reads, and the Nomad variable that holds it.
   * @default none
   */
  readonly secrets?: { readonly path: string; readonly generation: string };
  /** CPU share, MHz. */
  readonly cpu: number;
  /** Memory limit, MiB. */
  readonly memory: number;
  /**
   * Seconds after which a client that has lost Nomad's servers stops the server, which may then run on
   * another client: never two that write.
   * @default it goes on, as there is no other client that could have it, or two do no harm
   */
  readonly stopOnClientAfter?: number;
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
  /** Where its data lies, for people and as a reason for a restart: a server keeps what it has open. */
  readonly data: string;
}

/** A file that is part of the job. */
export interface JobFile {
  /** Path in the task's directory, such as "local/ca.pem". */
  readonly destination: string;
  /** In the language of Nomad's templates, where it holds {{. */
  readonly content: string;
  /**
   * Whether the server starts anew when the content has changed, and stays so for half a minute.
   * @default false
   */
  readonly restarts?: boolean;
}

export interface JobService {
  readonly name: string;
  readonly provider: "nomad" | "consul";
  readonly tags: readonly string[];
  /** In place of the tags as long as a new server is not promoted. */
  readonly canaryTags: readonly string[];
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
    const volumes = props.groups.flatMap((group) => group.volumes);
    const [generation] = props.groups.flatMap(({ secrets }) => secrets?.generation ?? []);
    const jobspec = render("mlflow.nomad.hcl", {
      ...props,
      owner: { key: OWNER_META, value: OWNER },
      storage: { key: STORAGE_META, value: props.storage },
      // One generation for all: each task's variable has it.
      secrets: generation ? { key: GENERATION_META, generation } : null,
      data: volumes.map(({ name, data }) => `${name}=${data}`).join(" "),
      groups: props.groups.map((group) => ({
        ...props,
        ...group,
        ...derived(group),
        image: IMAGE,
      })),
    });
    const images = props.groups.map((): Reference => ["image", IMAGE, props.image]);
    this.resource = new Job(this, "job", {
      provider: props.provider,
      jobspec: withReferences(escapeTerraform(jobspec), [
        ...images,
        [OWNER_META, OWNER, props.owner],
      ]),
      detach: true,
      purgeOnDestroy: true,
      rerunIfDead: true,
      dependsOn: props.dependsOn,
    });
  }
}

/** What the template wants to know of a group besides, absent things as null. */
function derived({ count, files, secrets, staticPort, stopOnClientAfter }: JobGroup) {
  return {
    files: files.map((file) => ({ restarts: false, ...file })),
    spread: count > 1,
    secrets: secrets ? { data: secretsTemplate(secrets) } : null,
    staticPort: staticPort ?? null,
    stopOnClientAfter: stopOnClientAfter ?? null,
  };
}

type Reference = readonly [key: string, from: string, to: string];

/** The jobspec with these values in place, each once. A text of the user's has its quotes escaped: it is none. */
export function withReferences(jobspec: string, references: readonly Reference[]) {
  return references.reduce(
    (text, [key, from, to]) => text.replace(`${key} = "${from}"`, () => `${key} = "${to}"`),
    jobspec,
  );
}
