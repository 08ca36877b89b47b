import { readFileSync } from "node:fs";
import { join, posix } from "node:path";
import { DataResource, type ITerraformDependable, type LocalExecProvisioner } from "cdktf";
import { Construct } from "constructs";
import { quoteShell } from "../templates/quote-shell.ts";
import { render } from "../templates/render.ts";
import { type AnsibleHost, inventoryHost } from "./ansible-host.ts";
import { contentHash } from "./content-hash.ts";
import { escapeTerraform } from "./escape-terraform.ts";
import { writeIfChanged } from "./write-if-changed.ts";

export interface NomadVolumesProps {
  /** Absolute path of the repository, whose ansible/ holds the roles. */
  readonly root: string;
  /** Name of the Nomad job the volumes are for; it names the drop-in: homelab-JOB-volumes.hcl. */
  readonly job: string;
  /** The host volumes; each of the clients gets all of them but those of another client alone. */
  readonly volumes: readonly NomadVolume[];
  /** Numeric owner of the volumes' directories. */
  readonly uid: number;
  /** Numeric group of the volumes' directories. */
  readonly gid: number;
  /** The Nomad clients. */
  readonly clients: readonly AnsibleHost[];
  /** The Nomad agent on the clients. */
  readonly nomadClient: NomadClientAgent;
  /**
   * Run the playbook when Terraform applies; otherwise it is only written.
   * @default true
   */
  readonly run?: boolean;
  /**
   * Absolute path of the directory for what is generated.
   * @default ansible/generated in the repository
   */
  readonly directory?: string;
  /** What runs each time before the playbook does, which may restart the agents. */
  readonly before?: readonly LocalExecProvisioner[];
  /** What has to be done before the playbook runs. */
  readonly dependsOn?: ITerraformDependable[];
}

export interface NomadVolume {
  /** Name of the Nomad host volume, and first line of its sentinel file. */
  readonly name: string;
  /** Where the data lies. */
  readonly source: NomadVolumeSource;
  /** Mode of the directory: octal, four digits, such as "0750". */
  readonly mode: string;
}

export type NomadVolumeSource = DirectorySource | { readonly nfs: NfsSource };

export interface DirectorySource {
  /** Directory on the client, absolute. */
  readonly directory: string;
  /**
   * Name of the one client that has it.
   * @default each has one
   */
  readonly client?: string;
}

export interface NfsSource {
  /** Hostname or address of the NAS. */
  readonly server: string;
  /** Absolute path of the export on the NAS. */
  readonly export: string;
  /** Mount options with commas between them: nfs(5). */
  readonly options: string;
  /** Absolute path on the clients. */
  readonly mountPoint: string;
}

/** Where the clients find a volume's data, as an absolute path. */
function volumePath(source: NomadVolumeSource): string {
  // Nomad and the roles compare paths as texts: one spelling for all.
  return posix.resolve("nfs" in source ? source.nfs.mountPoint : source.directory);
}

export interface NomadClientAgent {
  /** Directory of the agent's configuration (its -config flag), absolute. */
  readonly configDir: string;
  /** The agent's HTTP API as seen from the client itself. */
  readonly address: string;
  /** How the agent is restarted: a systemd service, or a command and its arguments. */
  readonly restart: { readonly service: string } | { readonly command: readonly string[] };
}

/** What is generated, as absolute paths. */
export interface NomadVolumesFiles {
  readonly playbook: string;
  readonly inventory: string;
  /** The drop-in for the Nomad agent of each client, by the client's name. */
  readonly volumes: Readonly<Record<string, string>>;
}

/**
 * Host volumes on Nomad clients. Writes a playbook, its inventory and a drop-in for the agents, and
 * runs the playbook whenever one of them, ansible.cfg or a role has changed.
 *
 * Destroying it touches no client: directories, data and the drop-in stay.
 */
export class NomadVolumes extends Construct {
  readonly files: NomadVolumesFiles;

  /** The command that runs the playbook by hand, for a shell; with --check --diff it changes nothing. */
  readonly command: string;

  /** The run of the playbook, for what depends on the volumes; none when `run` is false. */
  readonly resource?: DataResource;

  constructor(scope: Construct, id: string, props: NomadVolumesProps) {
    super(scope, id);
    const ansible = join(props.root, "ansible");
    const directory = props.directory ?? join(ansible, "generated");
    const config = join(ansible, "ansible.cfg");
    this.files = {
      playbook: join(directory, "playbook.yml"),
      inventory: join(directory, "inventory.yml"),
      volumes: Object.fromEntries(
        props.clients.map(({ name }) => [name, join(directory, dropInSource(name))]),
      ),
    };
    const data = templateData(props);
    const rendered: [string, string][] = [
      [this.files.playbook, render("playbook.yml", data)],
      [this.files.inventory, render("inventory.yml", data)],
      ...data.clients.map(({ name, volumes }): [string, string] => [
        join(directory, dropInSource(name)),
        render("volumes.hcl", { job: props.job, volumes }),
      ]),
    ];
    for (const [file, content] of rendered) writeIfChanged(file, content);

    const { playbook, inventory } = this.files;
    this.command = `ANSIBLE_CONFIG=${quoteShell(config)} ansible-playbook --inventory ${quoteShell(inventory)} ${quoteShell(playbook)}`;

    if (props.run === false) return;
    this.resource = new DataResource(this, "playbook", {
      triggersReplace: {
        sha256: contentHash(join(ansible, "roles"), [
          readFileSync(config, "utf8"),
          ...rendered.map(([, content]) => content),
        ]),
      },
      provisioners: [...(props.before ?? []), runPlaybook(config, inventory, playbook)],
      dependsOn: props.dependsOn,
    });
  }
}

/** Paths reach the shell as variables: nothing in them is read as a command, nor by Terraform. */
function runPlaybook(config: string, inventory: string, playbook: string): LocalExecProvisioner {
  return {
    type: "local-exec",
    command: 'exec ansible-playbook --inventory "$HOMELAB_INVENTORY" "$HOMELAB_PLAYBOOK"',
    environment: {
      ANSIBLE_CONFIG: escapeTerraform(config),
      HOMELAB_INVENTORY: escapeTerraform(inventory),
      HOMELAB_PLAYBOOK: escapeTerraform(playbook),
      // The order of tasks and their output is then the order in which the deploy shows them.
      PYTHONUNBUFFERED: "1",
    },
  };
}

/** Name of a client's drop-in beside the playbook, where Ansible looks: no path of this machine. */
function dropInSource(client: string): string {
  return `volumes-${client}.hcl`;
}

function templateData(props: NomadVolumesProps) {
  const { configDir, address, restart } = props.nomadClient;
  const file = `homelab-${props.job}-volumes.hcl`;
  const agentDirectory = posix.resolve(configDir);
  return {
    job: props.job,
    uid: props.uid,
    gid: props.gid,
    dropIn: { directory: agentDirectory, file, path: posix.join(agentDirectory, file) },
    address,
    restart: {
      service: "service" in restart ? restart.service : null,
      command: "command" in restart ? restart.command : [],
    },
    clients: props.clients.map((client) => ({
      ...inventoryHost(client),
      dropIn: dropInSource(client.name),
      ...volumesOf(client.name, props.volumes),
    })),
  };
}

/** The volumes of a client: all of them, and by what its source is. */
function volumesOf(client: string, all: readonly NomadVolume[]) {
  const volumes = all
    .filter(({ source }) => !("client" in source) || (source.client ?? client) === client)
    .map((each) => ({ ...each, path: volumePath(each.source) }));
  return {
    volumes,
    directories: volumes.filter(({ source }) => "directory" in source),
    mounts: volumes.flatMap((volume) =>
      "nfs" in volume.source ? [{ ...volume, nfs: volume.source.nfs }] : [],
    ),
  };
}
