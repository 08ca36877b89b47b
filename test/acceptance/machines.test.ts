/** The machines themselves, before anything is deployed to them. */
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { NomadApi } from "../../nomad/api.ts";
import { type Machine, Machines } from "./machines.ts";
import { ssh } from "./ssh.ts";
import { until } from "./until.ts";

let machines: Machines;
let nomad: NomadApi;

const say = (line: string) => console.log(line);

beforeAll(async () => {
  machines = await Machines.create({ signal: new AbortController().signal, say });
  nomad = new NomadApi({ address: machines.nomadAddress, region: "global", namespace: "default" });
  say(`seconds until ssh answers: ${JSON.stringify(await machines.boot())}`);
});

afterAll(async () => {
  await machines?.remove();
});

async function nodes(): Promise<Record<string, string>> {
  const all = (await nomad.get<{ Name: string; Status: string }[]>("/nodes")) ?? [];
  return Object.fromEntries(all.map(({ Name, Status }) => [Name, Status]));
}

async function mountBackend(client: Machine): Promise<void> {
  await client.exec(
    "sudo mkdir -p /mnt/backend && sudo mount -t nfs4 -o nfsvers=4.2,hard nas:/srv/nas/backend /mnt/backend",
  );
}

describe("the three machines", () => {
  it("let one in by the key of their disk, and sudo without a password", async () => {
    for (const machine of machines.all) {
      const { stdout } = await machine.exec("hostname && sudo -n id -u");
      expect(stdout).toBe(`${machine.name}\n0`);
    }
  });

  it("are refused when their host key is another's", async () => {
    const { client1, client2 } = machines;
    const keys = readFileSync(client1.ssh.knownHosts, "utf8").split("\n");
    const ofClient1 = keys.find((line) => line.includes(`:${client1.ssh.port} `)) ?? "";
    const knownHosts = join(machines.settings.dir, "wrong_known_hosts");
    writeFileSync(knownHosts, `${ofClient1.replace(/:\d+ /, `:${client2.ssh.port} `)}\n`);
    const { exitCode, stderr } = await ssh({ ...client2.ssh, knownHosts }, "true", {
      reject: false,
    });
    expect(stderr).toContain("Host key verification failed");
    expect(exitCode).toBe(255);
  });

  it("have the time of this machine", async () => {
    for (const machine of machines.all) {
      const { stdout } = await machine.exec("date +%s");
      expect(Math.abs(Number(stdout) - Date.now() / 1000)).toBeLessThan(5);
    }
  });

  it("have no unit that failed, and differ in their machine ids", async () => {
    const ids = new Set<string>();
    for (const machine of machines.all) {
      await until(`${machine.name} has booted`, 300, async () => {
        const { stdout } = await machine.exec("systemctl is-system-running", { reject: false });
        expect(stdout).not.toBe("degraded");
        return stdout === "running";
      });
      ids.add((await machine.exec("cat /etc/machine-id")).stdout);
    }
    expect(ids.size).toBe(3);
  });

  it("form a Nomad cluster of two clients with Docker", async () => {
    const seconds = await until("both Nomad clients are ready", 300, async () => {
      const found = await nodes();
      return found.client1 === "ready" && found.client2 === "ready";
    });
    say(`Nomad is ready ${seconds} s later`);
    await until("the docker driver of both is healthy", 120, async () => {
      const all = (await nomad.get<{ ID: string }[]>("/nodes")) ?? [];
      const details = await Promise.all(
        all.map(({ ID }) =>
          nomad.get<{ Drivers: Record<string, { Healthy: boolean }> }>(`/node/${ID}`),
        ),
      );
      return details.length === 2 && details.every((node) => node?.Drivers.docker?.Healthy);
    });
    say(`MiB: ${JSON.stringify(machines.all.map(({ name, hostMemory }) => [name, hostMemory]))}`);
  });

  it("run a container with a memory limit of cgroup v2", async () => {
    const { stdout } = await machines.client1.exec(
      "tar -C / -c -h bin/busybox | sudo docker import - tiny >/dev/null && " +
        "sudo docker run --rm --memory 64m tiny /bin/busybox cat /sys/fs/cgroup/memory.max",
    );
    expect(stdout).toBe(String(64 * 2 ** 20));
  });

  it("reach a server on this machine's loopback as localhost and as 10.0.2.2", async () => {
    const { client2, settings } = machines;
    for (const name of ["localhost", "10.0.2.2"]) {
      // The lab's, from which they pull images.
      const registry = `http://${name}:${settings.ports.registry}/v2/`;
      const { stdout } = await client2.exec(`curl -sS -w ' %{http_code}' ${registry}`);
      expect(stdout).toBe("{} 200");
    }
  });

  it("are reached at port 5000 of a client, where a job binds its address", async () => {
    const { client2, settings } = machines;
    await client2.exec(
      `sudo systemd-run --unit web busybox httpd -f -p ${client2.address}:5000 -h /etc/nomad.d`,
    );
    const url = `http://127.0.0.1:${settings.ports.mlflow.client2}/nomad.hcl`;
    await until(`${url} answers`, 30, async () => (await fetch(url)).ok);
    await client2.exec("sudo systemctl stop web");
  });
});

describe("the NAS", () => {
  it("is mounted by NFS 4.2 and written to from both clients", async () => {
    const start = Date.now();
    for (const client of [machines.client1, machines.client2]) {
      await mountBackend(client);
      await client.exec(`echo ${client.name} | sudo tee /mnt/backend/${client.name}`);
    }
    say(`two mounts and writes: ${(Date.now() - start) / 1000} s`);
    const { stdout } = await machines.client1.exec(
      "findmnt -n -o OPTIONS /mnt/backend; cat /mnt/backend/client2",
    );
    expect(stdout).toContain("vers=4.2");
    expect(stdout).toContain("client2");
  });

  it("keeps what was written when its plug is pulled, and the mounts go on by themselves", async () => {
    const { client1, nas } = machines;
    await client1.exec("echo precious | sudo dd of=/mnt/backend/written conv=fsync status=none");
    await nas.off();
    const folder = mkdtempSync(join(tmpdir(), "homelab-mlflow-"));
    try {
      await machines.copyFromNasDisk("/backend", folder);
      const file = join(folder, "backend", "written");
      expect(readFileSync(file, "utf8")).toBe("precious\n");
      expect(statSync(file).uid).toBe(0);
    } finally {
      rmSync(folder, { recursive: true });
    }
    say(`the NAS is back after ${await nas.boot()} s`);
    const start = Date.now();
    const { stdout } = await client1.exec(
      "cat /mnt/backend/written && echo more | sudo dd of=/mnt/backend/more conv=fsync status=none",
      { seconds: 300 },
    );
    say(`the mount went on ${(Date.now() - start) / 1000} s later`);
    expect(stdout).toBe("precious\n".trim());
  });
});

describe("the cable of a client", () => {
  it("can be pulled and put back: Nomad misses the client meanwhile, and ssh does not", async () => {
    const { client2 } = machines;
    await client2.cutLink();
    const ping = "ping -c 1 -W 2 nas";
    expect((await client2.exec(ping, { reject: false })).exitCode).toBe(1);
    const down = await until(
      "client2 is down",
      180,
      async () => (await nodes()).client2 === "down",
    );
    await client2.restoreLink();
    const ready = await until("client2 is back", 180, async () => {
      const found = await nodes();
      return found.client2 === "ready" && found.client1 === "ready";
    });
    say(`down ${down} s after the cut, ready ${ready} s after its end`);
    expect((await client2.exec(ping)).exitCode).toBe(0);
  });
});

describe("a client", () => {
  it("reboots in order, and comes back to Nomad", async () => {
    const { client2 } = machines;
    const before = await client2.bootId();
    await client2.exec("sudo umount /mnt/backend");
    const start = Date.now();
    await client2.reboot();
    expect(await client2.bootId()).not.toBe(before);
    say(`rebooted in ${(Date.now() - start) / 1000} s`);
    const seconds = await until("client2 is ready again", 300, async () => {
      const active = await client2.exec("systemctl is-active nomad", { reject: false });
      return active.stdout === "active" && (await nodes()).client2 === "ready";
    });
    say(`Nomad is ready ${seconds} s later`);
  });

  it("stands still while paused, and goes on", async () => {
    const { client1 } = machines;
    await client1.pause();
    expect((await client1.exec("true", { seconds: 5, reject: false })).exitCode).not.toBe(0);
    await client1.resume();
    expect((await client1.exec("true")).exitCode).toBe(0);
  });
});
