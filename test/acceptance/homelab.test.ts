/** The whole of it on a homelab of virtual machines: eight cases, each on what its owner would see. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { EXPORTS, Homelab, localImage, MOUNTS, PATIENCE, Stream } from "./homelab.ts";
import type { Machine } from "./machines.ts";
import { until } from "./until.ts";

let homelab: Homelab;
/** The run that is logged first and has to be there after everything that follows. */
let logged: { run: string; sha256: string };

beforeAll(async () => {
  homelab = await Homelab.create("acceptance", localImage());
}, 45 * 60_000);

afterAll(async () => {
  await homelab?.machines.remove();
});

async function expectRunIsThere(): Promise<void> {
  const read = await homelab.client("read", logged.run);
  expect(read).toMatchObject({ rate: "0.1", sha256: logged.sha256 });
}

const answering = (seconds = PATIENCE) =>
  until("MLflow answers through Traefik", seconds, () => homelab.answers());

describe("1. the first deploy", () => {
  it("mounts both volumes and ends with an MLflow that answers through Traefik", async () => {
    const { output, exitCode } = await homelab.make("deploy");
    expect(output).toContain("MLflow is up, and was checked from outside.");
    expect(exitCode).toBe(0);
    for (const client of [homelab.machines.client1, homelab.machines.client2])
      for (const [index, mount] of MOUNTS.entries()) {
        const show = `findmnt --noheadings --output SOURCE,FSTYPE,OPTIONS ${mount}`;
        const { stdout } = await client.exec(show);
        expect(stdout).toMatch(new RegExp(`^nas:${EXPORTS[index]} +nfs4 .*vers=4\\.2.*\\bhard\\b`));
      }
  });

  it("leaves what the client logs on the NAS's disk, with the server's owner", async () => {
    logged = await homelab.client("log");
    await expectRunIsThere();
    const { stdout } = await homelab.machines.nas.exec(
      `sudo stat --format %u:%g ${EXPORTS[0]}/mlflow.db; sudo find ${EXPORTS[1]} -name weights.bin -printf '%U:%G ' -exec sha256sum {} +`,
    );
    const [database, artifact] = stdout.split("\n");
    expect(database).toBe("1000:1000");
    expect(artifact).toMatch(new RegExp(`^1000:1000 ${logged.sha256} `));
  });

  it("leaves a bare mount point that nobody can write to", async () => {
    const { client2 } = homelab.machines;
    // Another view of the root file system, in which nothing is mounted on the directory.
    const { stdout } = await client2.exec(
      `sudo mkdir -p /run/bare && sudo mount --bind / /run/bare && (sudo touch /run/bare${MOUNTS[0]}/x; sudo stat --format %a /run/bare${MOUNTS[0]}) 2>&1; sudo umount /run/bare`,
    );
    expect(stdout).toMatch(/Operation not permitted[\s\S]*555/);
  });
});

describe("2. the next deploy", () => {
  it("changes nothing: not Terraform, not Ansible, not Nomad, not the allocation", async () => {
    const { client1, client2 } = homelab.machines;
    const look = async () => [
      await homelab.nomadStart(client1),
      await homelab.nomadStart(client2),
      (await homelab.running()).allocation.ID,
    ];
    const before = await look();
    const { output, exitCode } = await homelab.make("deploy");
    expect(output).toContain("Nothing to change: everything is as configured.");
    expect(exitCode).toBe(0);
    const prepared = await homelab.make("prepare");
    expect(prepared.output).toContain("client1: nothing to change");
    expect(prepared.output).toContain("client2: nothing to change");
    expect(prepared.exitCode).toBe(0);
    expect(await look()).toEqual(before);
  });
});

describe("3. the NAS is off while the clients boot", () => {
  it("lets them boot and run Nomad and other jobs, while MLflow says what it waits for", async () => {
    const { nas, client1, client2 } = homelab.machines;
    await homelab.runOther(localImage());
    const otherRuns = () =>
      until("another job runs on both clients", PATIENCE, async () => {
        const both = [client1, client2].map((client) => homelab.containers(client, "sleep"));
        return (await Promise.all(both)).every((each) => each.some(({ running }) => running));
      });
    await otherRuns();
    await nas.off();
    await Promise.all([client1.reset(), client2.reset()]);
    await homelab.clientsReady();
    await until("MLflow says why it does not start", PATIENCE, async () => {
      const all = await homelab.allocations();
      const logs = await Promise.all(all.map(({ ID }) => homelab.log(ID)));
      return logs.some((log) => log.includes("is missing, so /mnt/"));
    });
    await otherRuns();
    for (const client of [client1, client2])
      for (const mount of MOUNTS) {
        const { stdout } = await client.exec(`findmnt ${mount}; sudo ls -A ${mount}`, {
          reject: false,
        });
        expect(stdout).toBe("");
      }
  });

  it("starts MLflow by itself when the NAS is back, with its data", async ({ task }) => {
    await homelab.machines.nas.boot();
    task.meta.measured = { "NAS back until MLflow answers": `${Math.round(await answering())} s` };
    await expectRunIsThere();
    expect(await homelab.integrity()).toBe("ok");
  });
});

describe("4. the NAS is killed while a client logs a metric every 100 ms", () => {
  it("loses nothing that was acknowledged", async ({ task }) => {
    const { nas } = homelab.machines;
    const stream = new Stream(homelab);
    await until("metrics are stored", 300, async () => stream.acknowledged.length > 20);
    await nas.off();
    const before = stream.acknowledged.length;
    await nas.boot();
    await answering();
    await until("metrics are stored again", PATIENCE, async () => {
      return stream.acknowledged.length > before + 20;
    });
    await stream.end();
    const { acknowledged } = stream;
    const answer = await fetch(
      `${homelab.url}/api/2.0/mlflow/metrics/get-history?run_id=${stream.run}&metric_key=m`,
    );
    const { metrics } = (await answer.json()) as { metrics: { step?: string }[] };
    const stored = new Set(metrics.map(({ step }) => Number(step ?? 0)));
    expect(acknowledged.filter((step) => !stored.has(step))).toEqual([]);
    task.meta.measured = {
      "metrics acknowledged": `${acknowledged.length}`,
      "metrics stored": `${stored.size}`,
    };
    expect(await homelab.integrity()).toBe("ok");
    await expectRunIsThere();
  });
});

describe("5. the client that runs MLflow is cut off", () => {
  it("has its server stopped before the other client starts one, and the data is whole", async ({
    task,
  }) => {
    // The Nomad server is on client1: the job has to be on the other one to be cut off from it.
    const { client1, client2 } = homelab.machines;
    if ((await homelab.running()).machine === client1) {
      await client1.exec("nomad node eligibility -disable -self");
      await client1.exec(`nomad alloc stop ${(await homelab.running()).allocation.ID}`, {
        reject: false,
        seconds: 300,
      });
      await until("the job is on client2", PATIENCE, async () => {
        return (await homelab.running()).machine === client2 && (await homelab.answers());
      });
      await client1.exec("nomad node eligibility -enable -self");
    }
    const { allocation } = await homelab.running();
    const cut = Date.now();
    await client2.cutLink();
    await until("another allocation runs on client1", PATIENCE, async () => {
      const all = await homelab.allocations();
      return all.some(
        (each) =>
          each.ID !== allocation.ID &&
          each.NodeName === "client1" &&
          each.ClientStatus === "running",
      );
    });
    await answering();
    const failover = Math.round((Date.now() - cut) / 1000);
    task.meta.measured = { "client cut off until the other one's MLflow answers": `${failover} s` };
    // From both machines' own records: when the one server was ended, and when the other began.
    const started = (await homelab.containers(client1, "mlflow_app")).find((each) => each.running);
    expect(Date.parse(started?.started ?? "")).toBeGreaterThan(await endOf(allocation.ID));
    // What waits for the NAS can't end before it answers; killed, it never runs a line of its own again.
    expect(await homelab.threadsThatLive(client2, allocation.ID)).toEqual([]);
    await client2.restoreLink();
    await homelab.clientsReady();
    await until("the server that was cut off is gone", PATIENCE, async () => {
      const all = await homelab.containers(client2, "mlflow_app");
      return all.every(({ running }) => !running);
    });
    expect((await homelab.running()).machine).toBe(client1);
    expect(await homelab.integrity()).toBe("ok");
    await expectRunIsThere();

    /** When client2's records say that an allocation's server exited or was killed, in milliseconds. */
    async function endOf(id: string): Promise<number> {
      const { stdout } = await client2.exec(
        `container=$(sudo docker ps --all --quiet --filter name=mlflow_app-${id}); sudo journalctl --unit nomad --unit docker --since @${Math.floor(cut / 1000)} --output json | jq --raw-output --arg container "$container" 'select(.MESSAGE | strings | test("${id}.*type=(Terminated|Killed)|using the force.*container=" + $container)) | .__REALTIME_TIMESTAMP'`,
      );
      const [first] = stdout.split("\n");
      if (!first) throw new Error("client2 has no record of the server's end");
      return Number(first) / 1000;
    }
  });
});

/** Another option of the mounts, so that both have to be mounted anew. */
const NOATIME = `volumes: {
  backendStore: { source: { nfs: { ...machines.volumes.backendStore.source.nfs, options: "nfsvers=4.2,hard,bg,_netdev,noatime" } } },
  artifacts: { source: { nfs: { ...machines.volumes.artifacts.source.nfs, options: "nfsvers=4.2,hard,bg,_netdev,noatime" } } },
}`;

describe("6. one of two clients is unreachable at a deploy", () => {
  it("is named, the other is prepared, and the exit code says it", async () => {
    const { client1, client2 } = homelab.machines;
    await client2.off();
    homelab.configure(NOATIME);
    const { output, exitCode } = await homelab.make("deploy");
    expect(exitCode).not.toBe(0);
    expect(output).toMatch(/client2.*(unreachable|ssh|connect)/i);
    expect(output).not.toMatch(/client1.*failed/i);
    expect(await mountedWith(client1, "noatime")).toEqual([true, true]);
    expect((await client1.exec("systemctl is-active nomad")).stdout).toBe("active");
    await answering();
    await expectRunIsThere();
  });

  it("is prepared by the next deploy, once it is back", async () => {
    const { client1, client2 } = homelab.machines;
    await client2.boot();
    const { output, exitCode } = await homelab.make("deploy");
    expect(output).toContain("MLflow is up, and was checked from outside.");
    expect(exitCode).toBe(0);
    for (const client of [client1, client2])
      expect(await mountedWith(client, "noatime")).toEqual([true, true]);
    expect(await homelab.integrity()).toBe("ok");
    await expectRunIsThere();
  });

  async function mountedWith(client: Machine, option: string): Promise<boolean[]> {
    const show = MOUNTS.map((mount) => `findmnt --noheadings --output OPTIONS ${mount}`).join(";");
    const { stdout } = await client.exec(show, { reject: false });
    return stdout.split("\n").map((options) => options.split(",").includes(option));
  }
});

describe("7. the export belongs to another uid", () => {
  it("is refused in one line before the job is touched", async () => {
    const { nas } = homelab.machines;
    const before = (await homelab.running()).allocation.ID;
    homelab.configure(`${NOATIME}, image: { ...image, uid: 1234, gid: 1234 }`);
    const { output, exitCode } = await homelab.make("deploy");
    expect(exitCode).not.toBe(0);
    expect(output).toMatch(
      /uid 1234 gid 1234 can't write there, the directory belongs to 1000:1000/,
    );
    expect((await homelab.running()).allocation.ID).toBe(before);
    const { stdout } = await nas.exec(`sudo stat --format %u:%g ${EXPORTS[0]}`);
    expect(stdout).toBe("1000:1000");
    homelab.configure(NOATIME);
    expect((await homelab.make("deploy")).exitCode).toBe(0);
    await expectRunIsThere();
  });
});

describe("an export that is made anew under a running server", () => {
  it("ends the server, which says why instead of answering", async () => {
    const { nas } = homelab.machines;
    const before = (await homelab.running()).allocation.ID;
    // The same files in another directory: what the clients have open there is stale.
    const anew = EXPORTS.map(
      (path) => `cp -a ${path} ${path}.new && rm -rf ${path} && mv ${path}.new ${path}`,
    );
    await nas.exec(`sudo sh -c '${anew.join(" && ")} && exportfs -ra'`);
    await until("the server has ended for its stale volumes", PATIENCE, async () =>
      (await homelab.log(before)).includes("the volume is gone; the server ends"),
    );
    expect(await homelab.answers().catch(() => false)).toBe(false);
  });

  it("is mounted again by make prepare, and MLflow is back by itself with its data", async () => {
    const { output, exitCode } = await homelab.make("prepare");
    expect(output).toMatch(/client1: \d+ changed/);
    expect(output).toMatch(/client2: \d+ changed/);
    expect(exitCode).toBe(0);
    await answering();
    await expectRunIsThere();
    expect(await homelab.integrity()).toBe("ok");
  });
});

describe("8. a destroy", () => {
  it("ends the job, takes the volumes off the clients when asked to, and leaves the data on the NAS", async () => {
    const { exitCode } = await homelab.make("destroy", "YES=1", "UNMOUNT=1");
    expect(exitCode).toBe(0);
    for (const client of [homelab.machines.client1, homelab.machines.client2]) {
      const left = await client.exec(
        "findmnt --types nfs4; grep mlflow /etc/fstab /etc/nomad.d/*",
        {
          reject: false,
        },
      );
      expect(left.stdout).toBe("");
    }
    expect(await homelab.job()).toBeUndefined();
    const { stdout } = await homelab.machines.nas.exec(
      `sudo find ${EXPORTS[1]} -name weights.bin -exec sha256sum {} +`,
    );
    expect(stdout).toContain(logged.sha256);
    expect(await homelab.integrity()).toBe("ok");
  });
});
