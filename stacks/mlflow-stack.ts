import { join, resolve } from "node:path";
import { DockerProvider } from "@cdktf/provider-docker/lib/provider/index.js";
import { NomadProvider } from "@cdktf/provider-nomad/lib/provider/index.js";
import { App, LocalBackend, TerraformOutput, type TerraformResource, TerraformStack } from "cdktf";
import type { Construct } from "constructs";
import { clientUrl } from "../config/client-url.ts";
import { extrasOf } from "../config/extras.ts";
import type { HomelabConfig } from "../config/schema.ts";
import { artifactsPlace, driversOf } from "../config/storage.ts";
import { pathOnClient } from "../config/volume.ts";
import { DeploymentCheck } from "../constructs/deployment-check.ts";
import { DnsRecord } from "../constructs/dns-record.ts";
import { escapeTerraform } from "../constructs/escape-terraform.ts";
import { JobClaim } from "../constructs/job-claim.ts";
import { JobEnd } from "../constructs/job-end.ts";
import { ManagedDatabase } from "../constructs/managed-database.ts";
import { MlflowJob } from "../constructs/mlflow-job.ts";
import { NomadVolumes } from "../constructs/nomad-volumes.ts";
import { registryLogin } from "../constructs/registry-login.ts";
import { runScript } from "../constructs/run-script.ts";
import { ServerImage } from "../constructs/server-image.ts";
import { StoreProbe } from "../constructs/store-probe.ts";
import { TaskSecrets } from "../constructs/task-secrets.ts";
import { NomadApi, type NomadTarget } from "../nomad/api.ts";
import { writeKinds } from "../nomad/storage-meta.ts";
import { nomadTarget } from "../nomad/target.ts";
import { checkSpec } from "./check-spec.ts";
import { dnsRecordEntry } from "./dns-record-entry.ts";
import { jobGroups } from "./job-groups.ts";
import { managedDatabase } from "./managed-database.ts";
import { mlflowVersion } from "./mlflow-version.ts";
import { allVolumes } from "./mounts.ts";
import { probeSpec } from "./probe-spec.ts";
import { secretsOf } from "./secrets-spec.ts";

/** Name, in cdktf's output directory, of the file with what the image's build said. */
export const BUILD_LOG = "image-build.log";

export interface MlflowStackProps {
  readonly config: HomelabConfig;
  /** The image's version: what version.txt says. */
  readonly version: string;
  /** Absolute path of the repository. */
  readonly root: string;
  /**
   * The generation of the server's secrets (secrets/variable.ts).
   * @default a text of its own, in a synth that only shows what would be
   */
  readonly secretsGeneration?: string;
  /**
   * The same of the database that is run.
   * @default as above
   */
  readonly databaseGeneration?: string;
}

/** The whole deployment as one graph: claim, then image, volumes and DNS side by side, job, check. */
export class MlflowStack extends TerraformStack {
  constructor(scope: Construct, id: string, props: MlflowStackProps) {
    super(scope, id);
    const { config, version, root, secretsGeneration = "unknown" } = props;
    const { databaseGeneration = secretsGeneration } = props;
    new LocalBackend(this, { path: resolve(root, config.state.path) });
    // terraform_data came with it.
    this.addOverride("terraform.required_version", ">= 1.4");
    const target = nomadTarget(config);
    const url = clientUrl(config);

    const nomad = this.nomad(target);

    // The server's own time, that in which the proxy forgets it, and some for Nomad.
    const patience = config.job.killTimeout + 90;

    const claim = new JobClaim(this, "job-claim", {
      root,
      nomad: target,
      job: config.job.name,
      adopt: config.job.adopt,
    });

    const image = new ServerImage(this, "server-image", {
      provider: this.docker(config),
      registry: config.registry.address,
      repository: config.image.name,
      version,
      context: join(root, "image"),
      baseImage: config.image.baseImage,
      stores: driversOf(config.storage),
      extras: extrasOf(config.server),
      uid: config.image.uid,
      gid: config.image.gid,
      caBundle: config.image.caBundle,
      buildLog: resolve(App.of(this).outdir, BUILD_LOG),
      dependsOn: [claim.resource],
    });

    const toLookAt = probeSpec(config);
    const look = (after: TerraformResource) =>
      toLookAt &&
      new StoreProbe(this, "store-probe", {
        root,
        spec: toLookAt,
        image: image.reference,
        generation: secretsGeneration,
        dependsOn: [after],
      });

    // Clients without volumes are prepared too: what they had for the job is taken off them.
    const prepare = (after: TerraformResource) =>
      config.clients.length > 0
        ? new NomadVolumes(this, "nomad-volumes", {
            root,
            job: config.job.name,
            volumes: allVolumes(config).map((volume) => ({
              name: volume.name,
              mode: volume.mode,
              source:
                "nfs" in volume.source
                  ? { nfs: { ...volume.source.nfs, mountPoint: pathOnClient(volume) } }
                  : volume.source,
            })),
            uid: config.image.uid,
            gid: config.image.gid,
            clients: config.clients,
            nomadClient: config.nomadClient,
            run: config.ansible.run,
            before: [
              runScript(root, "check/settle.ts", {
                HOMELAB_NOMAD: escapeTerraform(JSON.stringify(target)),
                HOMELAB_JOB: config.job.name,
                HOMELAB_PATIENCE: String(patience),
              }),
            ],
            dependsOn: [after],
          })
        : undefined;

    let probe: StoreProbe | undefined;
    let volumes: NomadVolumes | undefined;
    const managed = managedDatabase(config);
    if (managed) {
      volumes = prepare(claim.resource);
      const database = new ManagedDatabase(this, managed.kind, {
        ...managed,
        root,
        provider: nomad,
        generation: databaseGeneration,
        dependsOn: [claim.resource, ...(volumes?.resource ? [volumes.resource] : [])],
      });
      probe = look(database.healthy);
    } else {
      probe = look(claim.resource);
      // A server that changes its stores loses its volume here, and so only when they are fine.
      volumes = prepare(probe?.resource ?? claim.resource);
    }

    const secrets = new TaskSecrets(this, "task-secrets", {
      root,
      spec: secretsOf(config, "server"),
      generation: secretsGeneration,
      dependsOn: [claim.resource],
    });
    const ofArtifacts = new TaskSecrets(this, "artifacts-secrets", {
      root,
      spec: secretsOf(config, "artifacts"),
      generation: secretsGeneration,
      dependsOn: [claim.resource],
    });

    const job = new MlflowJob(this, "mlflow-job", {
      provider: nomad,
      name: config.job.name,
      region: target.region,
      namespace: target.namespace,
      datacenters: config.nomad.datacenters,
      nodePool: config.nomad.nodePool,
      priority: config.job.priority,
      constraints: config.job.constraints,
      image: image.reference,
      storage: writeKinds({
        backendStore: config.storage.backendStore.type,
        registryStore: config.storage.registryStore.type,
        artifacts: artifactsPlace(config.storage),
      }),
      groups: jobGroups(config, url, { server: secrets.ofTask, artifacts: ofArtifacts.ofTask }),
      uid: config.image.uid,
      gid: config.image.gid,
      killTimeout: config.job.killTimeout,
      healthyDeadline: config.job.healthyDeadline,
      owner: claim.owner,
      dependsOn: [
        ...(volumes?.resource ? [volumes.resource] : []),
        ...secrets.written,
        ...ofArtifacts.written,
        ...(probe ? [probe.resource] : []),
      ],
    });

    new JobEnd(this, "job-end", {
      root,
      nomad: target,
      job: config.job.name,
      patience,
      after: job.resource,
    });

    const record = new DnsRecord(this, "dns-record", {
      root,
      record: dnsRecordEntry(config),
      dependsOn: [claim.resource],
    });

    const dns = record.spec && {
      server: record.spec.server,
      name: config.hostname,
      target: record.spec.target,
    };
    new DeploymentCheck(this, "deployment-check", {
      root,
      spec: checkSpec(config, dns, mlflowVersion(root)),
      image: image.reference,
      after: record.spec ? [job.resource, record.resource] : [job.resource],
    });

    const address = new NomadApi(target).address;
    this.output("url", url);
    this.output("tracking_uri", url);
    this.output("image", image.reference);
    this.output("version", mlflowVersion(root));
    if (volumes && !volumes.resource)
      this.output("playbook_command", escapeTerraform(volumes.command));
    this.output("nomad_job_url", `${address}/ui/jobs/${config.job.name}@${target.namespace}`);
  }

  private docker(config: HomelabConfig): DockerProvider {
    const login = registryLogin(config.registry.address);
    return new DockerProvider(this, "docker", {
      host: config.docker.host,
      registryAuth: [
        {
          address: `${config.registry.scheme}://${config.registry.address}`,
          ...(login ? { configFile: escapeTerraform(login) } : { authDisabled: true }),
        },
      ],
    });
  }

  private nomad({ address, region }: NomadTarget): NomadProvider {
    // The provider has no default of its own, unlike the nomad command.
    return new NomadProvider(this, "nomad", {
      address: new NomadApi({ address, region, namespace: "" }).address,
      region,
    });
  }

  private output(name: string, value: string): void {
    new TerraformOutput(this, name, { value }).overrideLogicalId(name);
  }
}
