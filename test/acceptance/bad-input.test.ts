/** What is wrong with a NAS or a client, as a deploy finds it: in a line each, with nothing touched. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ROOT } from "../../config/load.ts";
import { EXPORTS, Homelab, MOUNTS } from "./homelab.ts";
import type { Machine } from "./machines.ts";

let homelab: Homelab;
/** A key that no machine knows. */
let otherKey: string;

beforeAll(async () => {
  homelab = await Homelab.create("bad-input");
  otherKey = join(homelab.machines.settings.dir, "other_key");
  await execa("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", otherKey]);
  await homelab.machines.client1.exec(
    "sudo useradd --create-home plain && sudo cp -r ~/.ssh /home/plain/ && sudo chown -R plain: /home/plain/.ssh",
  );
  await homelab.clientsReady();
}, 45 * 60_000);

afterAll(async () => {
  await homelab?.machines.remove();
});

/** What a failed deploy says that is wrong, each in a line. */
async function refusal(config: string): Promise<string[]> {
  homelab.configure(config);
  const { output, exitCode } = await homelab.make("deploy");
  expect(exitCode).not.toBe(0);
  expect(output).not.toMatch(/^ +at .*:\d+:\d+\)?$/m);
  const lines = output.split("\n").filter((line) => line.startsWith("error: "));
  return lines.filter((line) => !line.startsWith("error: the whole output is in "));
}

/** Two volumes with other properties of their sources, as TypeScript. */
const sources = (backendStore: string, artifacts: string) => `volumes: {
  backendStore: { source: { nfs: { ...machines.volumes.backendStore.source.nfs, ${backendStore} } } },
  artifacts: { source: { nfs: { ...machines.volumes.artifacts.source.nfs, ${artifacts} } } },
}`;

/** The first client with other properties; the other one as it is. */
const client1 = (changes: string) =>
  `clients: [{ ...machines.clients[0], ${changes} }, machines.clients[1]]`;

/** Whatever of ours is on a client. */
async function left(): Promise<string> {
  const look = `findmnt --noheadings --types nfs,nfs4; grep homelab /etc/fstab; ls -d ${MOUNTS.join(" ")} /run/homelab-mlflow-probe.* /etc/nomad.d/*mlflow*`;
  const { client1, client2 } = homelab.machines;
  const found = await Promise.all(
    [client1, client2].map((client) => client.exec(`(${look}) 2>/dev/null`, { reject: false })),
  );
  return found.map(({ stdout }) => stdout).join("");
}

describe("a client that does not let us in", () => {
  it("because it does not know the key is named, with what ssh says", async () => {
    const [line, ...more] = await refusal(client1(`privateKey: ${JSON.stringify(otherKey)}`));
    expect(line).toMatch(
      /client client1: ssh to 127\.0\.0\.1:\d+: .*Permission denied.*clients\[0\]/,
    );
    expect(more).toEqual([]);
  });

  it("because its host key is another is named, with what ssh says", async () => {
    const { client1: one, client2: two, settings } = homelab.machines;
    const knownHosts = join(settings.dir, "other_known_hosts");
    const keys = readFileSync(one.ssh.knownHosts, "utf8").split("\n");
    const ofOther = keys.find((line) => line.includes(`:${two.ssh.port} `)) ?? "";
    writeFileSync(knownHosts, `${ofOther.replace(/:\d+ /, `:${one.ssh.port} `)}\n`);
    const [line, ...more] = await refusal(client1(`knownHosts: ${JSON.stringify(knownHosts)}`));
    expect(line).toMatch(/client client1: ssh to .*Host key verification failed.*clients\[0\]/);
    expect(more).toEqual([]);
  });

  it("as root is named, with the user and sudoers", async () => {
    const [line, ...more] = await refusal(client1('user: "plain"'));
    expect(line).toMatch(/client client1: plain can't become root without a password: .*sudoers/);
    expect(more).toEqual([]);
  });
});

describe("a volume", () => {
  beforeEach(async () => {
    expect(await left()).toBe("");
  });

  it("of a server that has no address, and one that does not answer, is refused at each client", async () => {
    const lines = await refusal(sources('server: "nowhere.lan"', 'server: "10.77.0.99"'));
    for (const client of ["client1", "client2"]) {
      const unknown = `${client}: volume mlflow-backend-store: nowhere.lan:${EXPORTS[0]}: this client can't resolve nowhere.lan`;
      const silent = `${client}: volume mlflow-artifacts: 10.77.0.99:${EXPORTS[1]}: `;
      expect(lines.filter((line) => line.includes(unknown))).toHaveLength(1);
      expect(lines.filter((line) => line.includes(silent))).toHaveLength(1);
    }
  });

  it("of an export that is not there, and of one that is not for this client, is refused", async () => {
    await homelab.machines.nas.exec(
      "sudo mkdir -p /srv/nas/private && echo '/srv/nas/private 10.77.0.200(rw,sync,no_subtree_check)' | sudo tee -a /etc/exports && sudo exportfs -ra",
    );
    const lines = await refusal(
      sources('export: "/srv/nas/nothing"', 'export: "/srv/nas/private"'),
    );
    expect(lines.join("\n")).toMatch(
      /client1: .*nas:\/srv\/nas\/nothing: the NAS has no such export/,
    );
    expect(lines.join("\n")).toMatch(/client1: .*nas:\/srv\/nas\/private: /);
  });

  it("of an export that is read-only, and of one that is full, is refused", async () => {
    await homelab.machines.nas.exec(
      `sudo sh -c 'mkdir -p /srv/nas/readonly /srv/nas/full && mount -t tmpfs -o size=64k tmpfs /srv/nas/full && chown 1000:1000 /srv/nas/full /srv/nas/readonly &&
        { dd if=/dev/zero of=/srv/nas/full/x bs=4k 2>/dev/null; chown 1000 /srv/nas/full/x; } &&
        printf "%s\\n" "/srv/nas/readonly 10.77.0.0/24(ro,sync,no_subtree_check)" "/srv/nas/full 10.77.0.0/24(rw,sync,no_subtree_check,no_root_squash,fsid=7)" >> /etc/exports && exportfs -ra'`,
    );
    const lines = await refusal(sources('export: "/srv/nas/readonly"', 'export: "/srv/nas/full"'));
    expect(lines.join("\n")).toMatch(/client1: .*nas:\/srv\/nas\/readonly: exported read-only/);
    expect(lines.join("\n")).toMatch(
      /client1: .*nas:\/srv\/nas\/full: full \(no space or quota left/,
    );
  });

  it("is refused where somebody else's data is in the export", async () => {
    await homelab.machines.nas.exec(
      `sudo sh -c 'mkdir -p /srv/nas/family/photos && chown 1005:1005 /srv/nas/family && chmod 777 /srv/nas/family && mkdir -p /srv/nas/other && chown 1000:1000 /srv/nas/other && echo another-volume > /srv/nas/other/.homelab-volume &&
        printf "%s\\n" "/srv/nas/family 10.77.0.0/24(rw,sync,no_subtree_check)" "/srv/nas/other 10.77.0.0/24(rw,sync,no_subtree_check)" >> /etc/exports && exportfs -ra'`,
    );
    const lines = await refusal(sources('export: "/srv/nas/family"', 'export: "/srv/nas/other"'));
    expect(lines.join("\n")).toMatch(/client1: .*nas:\/srv\/nas\/family: found data of uid 1005/);
    expect(lines.join("\n")).toMatch(
      /client1: .*\.homelab-volume names "another-volume", expected/,
    );
  });
});

describe("a Nomad client", () => {
  it("whose configuration is elsewhere is refused, with the directory", async () => {
    const lines = await refusal('nomadClient: { configDir: "/etc/nowhere.d" }');
    expect(lines.join("\n")).toMatch(/client1: .*\/etc\/nowhere\.d/);
    expect(await left()).toBe("");
  });
});

describe("after all of that", () => {
  it("make prepare prepares both clients, and changes nothing at the second time", async () => {
    homelab.configure();
    const first = await homelab.make("prepare");
    expect(first.output).toMatch(/client1: \d+ changed/);
    expect(first.output).toMatch(/client2: \d+ changed/);
    expect(first.exitCode).toBe(0);
    const second = await homelab.make("prepare");
    expect(second.output).toContain("client1: nothing to change");
    expect(second.output).toContain("client2: nothing to change");
    expect(second.exitCode).toBe(0);
  });

  it("two clients that prepare a volume at the same moment both find it prepared", async () => {
    const { nas, client1: one, client2: two } = homelab.machines;
    const script = readFileSync(join(ROOT, "ansible/roles/nfs_mounts/files/nfs-volume.sh"), "utf8");
    const volume = {
      ...{ NAME: "mlflow-artifacts", SERVER: "nas", EXPORT: EXPORTS[1], MOUNT_POINT: MOUNTS[1] },
      ...{ OPTIONS: "nfsvers=4.2,hard,bg,_netdev", OWNER: "1000", GROUP: "1000", MODE: "0750" },
      SENTINEL: ".homelab-volume",
    };
    const set = Object.entries(volume).map(([name, value]) => `${name}=${value}`);
    const prepare = (client: Machine) =>
      client.exec(`sudo env ${set.join(" ")} sh -s prepare`, { input: script });
    for (let round = 0; round < 4; round += 1) {
      await nas.exec(`sudo rm ${EXPORTS[1]}/.homelab-volume`);
      const both = await Promise.all([prepare(one), prepare(two)]);
      expect(both.map(({ stdout }) => stdout)).toContain("prepared");
      const { stdout } = await nas.exec(
        `sudo head -n 1 ${EXPORTS[1]}/.homelab-volume; sudo ls -A ${EXPORTS[1]}`,
      );
      expect(stdout).toBe("mlflow-artifacts\n.homelab-volume");
    }
  });
});
