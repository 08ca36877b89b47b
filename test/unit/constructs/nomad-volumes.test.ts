import {
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DataResource, Testing } from "cdktf";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { ROOT } from "../../../config/load.ts";
import { NomadVolumes, type NomadVolumesProps } from "../../../constructs/nomad-volumes.ts";

const HOSTILE =
  'it\'s "q" ${x} %{y} $${z} {{ 1/0 }} {% raw %} {# c #} `id` $(id)\nnew: line\\n\tü\u2028';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "homelab-volumes-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const props = (changes: Partial<NomadVolumesProps> = {}): NomadVolumesProps => ({
  root: ROOT,
  job: "mlflow",
  volumes: [
    {
      name: "mlflow-backend-store",
      source: { directory: "/srv/mlflow/backend-store" },
      mode: "0750",
    },
    { name: "mlflow-artifacts", source: { directory: "/srv/mlflow/artifacts/" }, mode: "0770" },
  ],
  uid: 1000,
  gid: 1001,
  clients: [
    { name: "m700", connection: "ssh", port: 22, user: "ansible", become: true },
    {
      name: "m710",
      address: "10.0.0.7",
      connection: "ssh",
      port: 2222,
      privateKey: "/home/me/.ssh/homelab",
      knownHosts: "/home/me/my homelab/known_hosts",
      become: false,
    },
    { name: "here", connection: "local", port: 22, become: true },
  ],
  nomadClient: {
    configDir: "/etc/nomad.d",
    address: "http://127.0.0.1:4646",
    restart: { service: "nomad" },
  },
  directory,
  ...changes,
});

function synth(changes: Partial<NomadVolumesProps> = {}) {
  let made: NomadVolumes | undefined;
  const json = Testing.synthScope((scope) => {
    made = new NomadVolumes(scope, "volumes", props(changes));
  });
  if (!made) throw new Error("nothing was made");
  const read = (file: string) => readFileSync(file, "utf8");
  const { playbook, inventory, volumes } = made.files;
  const [first] = props(changes).clients;
  return {
    construct: made,
    resources: Object.values(JSON.parse(json).resource?.terraform_data ?? {}) as Resource[],
    playbook: read(playbook),
    inventory: read(inventory),
    volumes: read(volumes[first?.name ?? ""] ?? ""),
  };
}

interface Resource {
  triggers_replace: { sha256: string };
  provisioner: { "local-exec": { command: string; environment: Record<string, string> } }[];
  depends_on?: string[];
}

const hash = (changes: Partial<NomadVolumesProps> = {}) =>
  synth(changes).resources[0]?.triggers_replace.sha256;

/** What Ansible would read: `!unsafe` is a text that it does not template. */
const readYaml = (text: string) =>
  parse(text, {
    customTags: [{ tag: "!unsafe", resolve: (value: string) => value }],
  });

describe("what is generated", () => {
  test("is a playbook, an inventory and a drop-in that read like hand-written ones", () => {
    const { playbook, inventory, volumes } = synth();
    expect(playbook).toMatchSnapshot("playbook.yml");
    expect(inventory).toMatchSnapshot("inventory.yml");
    expect(volumes).toMatchSnapshot("volumes.hcl");
  });

  test("restarts the agent by a command where one is configured", () => {
    const { inventory } = synth({
      nomadClient: {
        ...props().nomadClient,
        restart: { command: ["/usr/local/bin/restart nomad", "--now"] },
      },
    });
    const { vars } = readYaml(inventory).nomad_clients;
    expect(vars.nomad_host_volumes_restart_command).toEqual([
      "/usr/local/bin/restart nomad",
      "--now",
    ]);
    expect(vars).not.toHaveProperty("nomad_host_volumes_restart_service");
  });

  test("spells a path in one way, so that it can be compared with Nomad's", () => {
    const { inventory, volumes } = synth({
      volumes: [{ name: "one", source: { directory: "/srv//mlflow/../one/" }, mode: "0750" }],
    });
    expect(readYaml(inventory).nomad_clients.hosts.m700.nomad_host_volumes_volumes).toEqual([
      { name: "one", path: "/srv/one" },
    ]);
    expect(volumes).toContain('path      = "/srv/one"');
  });

  test("gives a volume on NFS to every client, and a directory of one client to that one alone", () => {
    const nfs = {
      server: "nas.lan",
      export: "/tank/mlflow",
      options: "nfsvers=4.2,hard,bg,_netdev",
      mountPoint: "/srv/mlflow-artifacts",
    };
    const { inventory, construct } = synth({
      volumes: [
        { name: "store", source: { directory: "/srv/store", client: "m710" }, mode: "0750" },
        { name: "mlflow-artifacts", source: { nfs }, mode: "0750" },
      ],
    });
    const { hosts } = readYaml(inventory).nomad_clients;
    const { server, options } = nfs;
    const mounted = {
      nfs_mounts_volumes: [
        {
          ...{ name: "mlflow-artifacts", path: "/srv/mlflow-artifacts", mode: "0750" },
          ...{ server, options, export: "/tank/mlflow" },
        },
      ],
    };
    expect(hosts.m700).toMatchObject({ volume_directories_volumes: [], ...mounted });
    expect(hosts.m710).toMatchObject({
      volume_directories_volumes: [{ name: "store", path: "/srv/store", mode: "0750" }],
      ...mounted,
    });
    const dropIn = (client: string) => readFileSync(construct.files.volumes[client] ?? "", "utf8");
    expect(dropIn("m700")).not.toContain('"store"');
    expect(dropIn("m710")).toContain('"store"');
    expect(dropIn("m700")).toContain('path      = "/srv/mlflow-artifacts"');
  });

  test("carries hostile texts as they are", () => {
    const { inventory, volumes, playbook } = synth({
      volumes: [{ name: "one", source: { directory: `/srv/${HOSTILE}` }, mode: "0750" }],
      nomadClient: {
        configDir: `/etc/${HOSTILE}`,
        address: "http://127.0.0.1:4646",
        restart: { command: [HOSTILE] },
      },
      clients: [
        {
          name: "m700",
          connection: "ssh",
          port: 22,
          user: HOSTILE,
          become: true,
          privateKey: HOSTILE,
        },
      ],
    });
    const { vars, hosts } = readYaml(inventory).nomad_clients;
    expect(vars).toMatchObject({
      nomad_host_volumes_config_dir: `/etc/${HOSTILE}`,
      nomad_host_volumes_restart_command: [HOSTILE],
    });
    expect(hosts.m700).toMatchObject({
      volume_directories_volumes: [{ name: "one", path: `/srv/${HOSTILE}`, mode: "0750" }],
      ansible_user: HOSTILE,
      ansible_ssh_private_key_file: HOSTILE,
    });
    expect(playbook).toBe(synth().playbook);
    expect(volumes.split("\n")).toHaveLength(
      synth({ volumes: props().volumes.slice(1) }).volumes.split("\n").length,
    );
    expect(volumes).not.toMatch(/[$%]\{/);
  });

  test("has no Jinja of its own, so that Handlebars and Jinja can't be confused", () => {
    const { playbook, inventory } = synth();
    expect(playbook + inventory).not.toMatch(/\{\{|\{%/);
  });

  test("is written only when its content differs, and leaves nothing else behind", () => {
    const { construct } = synth();
    const past = new Date("2001-01-01");
    const { playbook, inventory, volumes } = construct.files;
    for (const file of [playbook, inventory, ...Object.values(volumes)])
      utimesSync(file, past, past);
    synth({ uid: 1234 });
    const changed = ({ mtime }: { mtime: Date }) => mtime > past;
    expect(changed(statSync(construct.files.inventory))).toBe(true);
    expect(changed(statSync(construct.files.playbook))).toBe(false);
    expect(changed(statSync(construct.files.volumes.m700 ?? ""))).toBe(false);
    expect(readdirSync(directory).sort()).toEqual([
      "inventory.yml",
      "playbook.yml",
      "volumes-here.hcl",
      "volumes-m700.hcl",
      "volumes-m710.hcl",
    ]);
  });
});

describe("the run of the playbook", () => {
  test("is one terraform_data whose command holds no text of the user", () => {
    const { resources } = synth();
    expect(resources).toHaveLength(1);
    const provisioner = resources[0]?.provisioner[0]?.["local-exec"];
    expect(provisioner?.command).toBe(
      'exec ansible-playbook --inventory "$HOMELAB_INVENTORY" "$HOMELAB_PLAYBOOK"',
    );
    expect(provisioner?.environment).toMatchObject({
      ANSIBLE_CONFIG: join(ROOT, "ansible", "ansible.cfg"),
      HOMELAB_INVENTORY: join(directory, "inventory.yml"),
      HOMELAB_PLAYBOOK: join(directory, "playbook.yml"),
    });
  });

  test("keeps Terraform from interpolating the paths it hands on", () => {
    const below = join(directory, "${x} %{y} $${z}");
    const { resources } = synth({ directory: below });
    expect(resources[0]?.provisioner[0]?.["local-exec"].environment.HOMELAB_PLAYBOOK).toBe(
      join(directory, "$${x} %%{y} $$${z}", "playbook.yml"),
    );
  });

  test("has nothing that runs on destroy: the data stays", () => {
    expect(JSON.stringify(synth().resources)).not.toContain("destroy");
  });

  test("is triggered by what is generated, ansible.cfg and the roles, and by nothing else", () => {
    expect(hash()).toMatch(/^[0-9a-f]{64}$/);
    expect(hash({ gid: 4242 })).not.toBe(hash());
    expect(hash({ directory: join(directory, "elsewhere") })).toBe(hash());

    const root = join(directory, "copy");
    cpSync(join(ROOT, "ansible"), join(root, "ansible"), {
      recursive: true,
      filter: (source) => !source.includes("generated"),
    });
    expect(hash({ root })).toBe(hash());
    writeFileSync(
      join(root, "ansible", "roles", "volume_directories", "tasks", "more.yml"),
      "---\n",
    );
    const withMore = hash({ root });
    expect(withMore).not.toBe(hash());
    writeFileSync(join(root, "ansible", "ansible.cfg"), "[defaults]\n");
    expect(hash({ root })).not.toBe(withMore);
  });

  test("is what the job can depend on, and waits for what it has to", () => {
    const json = Testing.synthScope((scope) => {
      const before = new DataResource(scope, "before");
      const { resource } = new NomadVolumes(scope, "volumes", props({ dependsOn: [before] }));
      new DataResource(scope, "after", { dependsOn: resource ? [resource] : [] });
    });
    const resources = JSON.parse(json).resource.terraform_data as Record<string, Resource>;
    const id = Object.keys(resources).find((key) => key.startsWith("volumes_playbook"));
    expect(resources[id ?? ""]?.depends_on).toEqual(["terraform_data.before"]);
    expect(resources.after?.depends_on).toEqual([`terraform_data.${id}`]);
  });

  test("can be left to the user, who is told how", () => {
    const { construct, resources } = synth({ run: false, directory: join(directory, "it's here") });
    expect(resources).toEqual([]);
    expect(construct.resource).toBeUndefined();
    const quoted = (name: string) => `'${join(directory, "it'\\''s here", name)}'`;
    expect(construct.command).toMatch(
      /^ANSIBLE_CONFIG=\S+\/ansible\/ansible.cfg ansible-playbook /,
    );
    expect(construct.command).toContain(
      `--inventory ${quoted("inventory.yml")} ${quoted("playbook.yml")}`,
    );
  });
});
