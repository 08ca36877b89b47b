import { Job } from "@cdktf/provider-nomad/lib/job/index.js";
import type { NomadProvider } from "@cdktf/provider-nomad/lib/provider/index.js";
import { DataResource, type ITerraformDependable } from "cdktf";
import { Construct } from "constructs";
import { DATABASES, type DatabaseKind, type DatabaseLimits } from "../database/kinds.ts";
import { type DatabaseLook, startFiles } from "../database/spec.ts";
import { OWNER_META } from "../nomad/owner.ts";
import { GENERATION_META, type SecretsSpec } from "../secrets/spec.ts";
import { secretTemplate } from "../secrets/template.ts";
import { render } from "../templates/render.ts";
import { escapeTerraform } from "./escape-terraform.ts";
import { JobClaim } from "./job-claim.ts";
import { JobEnd } from "./job-end.ts";
import { type JobVolume, withReferences } from "./mlflow-job.ts";
import { runScript } from "./run-script.ts";
import { TaskSecrets } from "./task-secrets.ts";

export interface ManagedDatabaseProps {
  /** Absolute path of the repository. */
  readonly root: string;
  /** The provider that registers the job. */
  readonly provider: NomadProvider;
  readonly kind: DatabaseKind;
  readonly datacenters: readonly string[];
  /** Such as "default", Nomad's own. */
  readonly nodePool: string;
  /** 1 to 100; higher goes first. */
  readonly priority: number;
  /** Image with its server on PATH. */
  readonly image: string;
  /** Port on the Nomad client. */
  readonly port: number;
  /**
   * host_network of the client that the port is on.
   * @default the client's own address
   */
  readonly hostNetwork?: string;
  /** The host volume with its data, which only one client has. */
  readonly volume: JobVolume;
  /** Numeric user and group id, as of the volume's directory. */
  readonly uid: number;
  readonly gid: number;
  readonly limits: DatabaseLimits;
  /** CPU share, MHz. */
  readonly cpu: number;
  /** Memory limit, MiB. */
  readonly memory: number;
  /** Seconds it has to become healthy, the pull of the image included. */
  readonly healthyDeadline: number;
  /** Its job, its task, and where its password comes from. */
  readonly secrets: SecretsSpec;
  /** Name of the password among them. */
  readonly password: string;
  /** Another one for each change of the password. */
  readonly generation: string;
  /** Take over a job that was not deployed from this state. */
  readonly adopt: boolean;
  /** What has to be done before it is looked at: the claim of the server's job, the volume. */
  readonly dependsOn: ITerraformDependable[];
}

/** Seconds for its shutdown, of which Nomad's clients allow 30, and some for Nomad. */
const PATIENCE = 90;

/** Stands for a Terraform reference while the jobspec is rendered, which must not be quoted. */
const OWNER = "homelab-mlflow-owner";

/**
 * A database as a Nomad job of its own: its name is claimed, its volume looked at with the image that
 * is to run, and it is waited for. Destroying it ends the job, and leaves the volume as it is.
 */
export class ManagedDatabase extends Construct {
  /** The wait until it is healthy, for what needs the database. */
  readonly healthy: DataResource;

  constructor(scope: Construct, id: string, props: ManagedDatabaseProps) {
    super(scope, id);
    const { nomad, job: name } = props.secrets;
    const volume = {
      ...props.volume,
      mounted: `${props.volume.destination}=${props.volume.name}`,
    };
    const claim = new JobClaim(this, "claim", {
      root: props.root,
      nomad,
      job: name,
      adopt: props.adopt,
    });
    const secrets = new TaskSecrets(this, "secrets", {
      root: props.root,
      spec: props.secrets,
      generation: props.generation,
      dependsOn: [claim.resource],
    });

    const look: DatabaseLook = {
      nomad,
      kind: props.kind,
      job: name,
      datacenters: props.datacenters,
      nodePool: props.nodePool,
      image: props.image,
      uid: props.uid,
      gid: props.gid,
      volume,
      deadline: props.healthyDeadline,
    };
    const spec = escapeTerraform(JSON.stringify(look));
    const looked = new DataResource(this, "look", {
      // Where the data lies is no part of what the script reads.
      triggersReplace: { spec, data: escapeTerraform(volume.data) },
      dependsOn: [claim.resource, ...props.dependsOn],
      provisioners: [runScript(props.root, "database/look.ts", { HOMELAB_LOOK: spec })],
    });

    const job = new Job(this, "job", {
      provider: props.provider,
      jobspec: withReferences(escapeTerraform(jobspec(props, volume, secrets.ofTask)), [
        [OWNER_META, OWNER, claim.owner],
      ]),
      detach: true,
      purgeOnDestroy: true,
      rerunIfDead: true,
      dependsOn: [looked, ...secrets.written],
    });

    new JobEnd(this, "end", {
      root: props.root,
      nomad,
      job: name,
      patience: PATIENCE,
      after: job,
    });

    this.healthy = new DataResource(this, "healthy", {
      lifecycle: { replaceTriggeredBy: [`${job.terraformResourceType}.${job.friendlyUniqueId}`] },
      dependsOn: [job],
      provisioners: [
        runScript(props.root, "database/wait.ts", {
          HOMELAB_NOMAD: escapeTerraform(JSON.stringify(nomad)),
          HOMELAB_JOB: name,
          HOMELAB_TITLE: DATABASES[props.kind].title,
          HOMELAB_DEADLINE: String(props.healthyDeadline + 60),
        }),
      ],
    });
  }
}

function jobspec(
  props: ManagedDatabaseProps,
  volume: DatabaseLook["volume"] & JobVolume,
  secrets: TaskSecrets["ofTask"],
): string {
  const { kind, uid, gid } = props;
  const { nomad, job: name } = props.secrets;
  const read = secrets ?? { path: "", generation: "" };
  const { port: ownPort, killSignal, superuser, env, args } = DATABASES[kind];
  return render("database.nomad.hcl", {
    ...props,
    name,
    region: nomad.region,
    namespace: nomad.namespace,
    nodePool: props.nodePool,
    hostNetwork: props.hostNetwork ?? null,
    ownPort,
    killSignal,
    volume,
    data: `${volume.name}=${volume.data}`,
    owner: { key: OWNER_META, value: OWNER },
    secrets: {
      key: GENERATION_META,
      generation: read.generation,
      data: secretTemplate(read, props.password),
    },
    env: { HOMELAB_KIND: kind, HOMELAB_VOLUME: volume.mounted, ...env },
    args: args(props.limits),
    files: [
      ...startFiles(kind),
      { destination: "local/passwd", content: `${superuser}:x:${uid}:${gid}::/tmp:/bin/sh\n` },
    ],
  });
}
