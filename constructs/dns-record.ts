import { posix } from "node:path";
import { DataResource, type ITerraformDependable, type LocalExecProvisioner } from "cdktf";
import { Construct } from "constructs";
import type { DnsServer, DnsSpec } from "../dns/spec.ts";
import { render } from "../templates/render.ts";
import { type AnsibleHost, inventoryHost } from "./ansible-host.ts";
import { escapeTerraform } from "./escape-terraform.ts";
import { runScript } from "./run-script.ts";

export interface DnsRecordProps {
  /** Absolute path of the repository. */
  readonly root: string;
  /**
   * The record and who keeps it.
   * @default none; one that an earlier deploy has made is removed
   */
  readonly record?: DnsRecordEntry;
  /** What has to be done before the record is made. */
  readonly dependsOn?: ITerraformDependable[];
}

export interface DnsRecordEntry {
  /** The name, such as "mlflow.lan". */
  readonly name: string;
  /** A hostname makes a CNAME record, an IPv4 address an A record. */
  readonly target: string;
  /** Take the place of a record with another target. */
  readonly replace: boolean;
  readonly keeper: DnsmasqKeeper | { readonly piholeUrl: string };
  /** The server that answers questions about it. */
  readonly server: DnsServer;
}

/** A dnsmasq that reads drop-in files when it starts. */
export interface DnsmasqKeeper {
  /** Name of the Nomad job; it names the drop-in: homelab-JOB.conf. */
  readonly job: string;
  readonly host: AnsibleHost;
  /** Directory of the drop-in files, absolute. */
  readonly configDir: string;
  /** How it is restarted: a systemd service, or a command and its arguments. */
  readonly restart: { readonly service: string } | { readonly command: readonly string[] };
}

/**
 * A DNS record, made by a deploy and removed by a destroy, or when it is no longer wanted. The
 * resource is there with a count of 0 where there is none: without its block, Terraform would not
 * know how to remove the record.
 */
export class DnsRecord extends Construct {
  /** The resource, for what depends on the record. */
  readonly resource: DataResource;
  /** Whom to ask for the record, and for what. */
  readonly spec?: DnsSpec;

  constructor(scope: Construct, id: string, { root, record, dependsOn }: DnsRecordProps) {
    super(scope, id);
    this.spec = record && specOf(record);
    const run = (what: string): LocalExecProvisioner =>
      runScript(root, "dns/main.ts", {
        HOMELAB_DNS_DO: what,
        // A destroy may refer to its own resource only.
        HOMELAB_DNS: "${self.output.spec}",
      });
    this.resource = new DataResource(this, "record", {
      count: this.spec ? 1 : 0,
      // Kept in the state: a destroy runs what was current when the record was made.
      input: this.spec ? { spec: escapeTerraform(JSON.stringify(this.spec)) } : {},
      triggersReplace: record ? placeOf(record) : {},
      dependsOn,
      provisioners: [run("make"), { ...run("remove"), when: "destroy" }],
    });
  }
}

function specOf(record: DnsRecordEntry): DnsSpec {
  const { name, target, replace, server, keeper } = record;
  if ("piholeUrl" in keeper)
    return { name, target, replace, server, keeper: { kind: "pihole", url: keeper.piholeUrl } };
  const data = templateData(record, keeper);
  return {
    name,
    target,
    replace,
    server,
    keeper: {
      kind: "playbook",
      playbook: render("dns-playbook.yml", data),
      inventory: render("dns-inventory.yml", data),
      place: `${keeper.host.name}:${data.path}`,
    },
  };
}

/** What makes it another record: a change of the rest leaves it as it is. */
function placeOf({ name, target, keeper }: DnsRecordEntry): Record<string, string> {
  const where =
    "piholeUrl" in keeper
      ? keeper.piholeUrl
      : `${keeper.host.address ?? keeper.host.name}:${fileOf(keeper)}`;
  return { name, target, where: escapeTerraform(where) };
}

function fileOf({ configDir, job }: DnsmasqKeeper): string {
  return posix.join(posix.resolve(configDir), `homelab-${job}.conf`);
}

function templateData({ name, target }: DnsRecordEntry, keeper: DnsmasqKeeper) {
  const { host, restart } = keeper;
  return {
    record: { name, target },
    path: fileOf(keeper),
    restart: {
      service: "service" in restart ? restart.service : null,
      command: "command" in restart ? restart.command : [],
    },
    host: inventoryHost(host),
  };
}
