/** The whole of it on a homelab of virtual machines: eight cases, each on what its owner would see. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { EXPORTS, Homelab, MOUNTS, PATIENCE, Stream } from "./homelab.ts";
import { until } from "./until.ts";

let homelab: Homelab;
/** The run that is logged first and has to be there after everything that follows. */
let logged: { run: string; sha256: string };

beforeAll(async () => {
  homelab = await Homelab.create(localImage());
}, 45 * 60_000);

afterAll(async () => {
  await homelab?.machines.remove();
});

/** The image of the tests' lab, by the name under which the machines know the registry. */
function localImage(): string {
  return (process.env.HOMELAB_TEST_IMAGE ?? "").replace("127.0.0.1", "localhost");
}

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
      `sudo stat --format %u:%g ${EXPORTS[0]}/mlflow.db; sudo find ${EXPORTS[1]} -name weights.bin -printf '%u:%g ' -exec sha256sum {} +`,
    );
    const [database, artifact] = stdout.split("\n");
    expect(database).toBe("1000:1000");
    expect(artifact).toMatch(/^1000:1000 |^\S+:\S+ /);
    expect(stdout).toContain(logged.sha256);
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
    const playbook = await homelab.playbook();
    expect(playbook.output).toMatch(/client1 .*changed=0 .*unreachable=0 .*failed=0/);
    expect(playbook.output).toMatch(/client2 .*changed=0 .*unreachable=0 .*failed=0/);
    expect(playbook.exitCode).toBe(0);
    expect(await look()).toEqual(before);
  });
});

describe("3. the NAS is off while the clients boot", () => {
  it("lets them boot and run Nomad, while MLflow says what it waits for", async () => {
    const { nas, client1, client2 } = homelab.machines;
    await nas.off();
    await Promise.all([client1.reset(), client2.reset()]);
    await until("both clients are ready", PATIENCE, async () => {
      const nodes = (await homelab.nomad.get<{ Status: string }[]>("/nodes")) ?? [];
      return nodes.length === 2 && nodes.every(({ Status }) => Status === "ready");
    });
    await until("MLflow says why it does not start", PATIENCE, async () => {
      for (const { ID } of await homelab.allocations()) {
        const log = await homelab.nomad.getText(`/client/fs/logs/${ID}`, {
          task: "mlflow_app",
          type: "stderr",
          plain: "true",
        });
        if (log?.includes("is missing, so /mnt/")) return true;
      }
      return false;
    });
    for (const client of [client1, client2])
      for (const mount of MOUNTS) {
        const { stdout } = await client.exec(`findmnt ${mount}; sudo ls -A ${mount}`, {
          reject: false,
        });
        expect(stdout).toBe("");
      }
  });

  it("starts MLflow by itself when the NAS is back, with its data", async () => {
    await homelab.machines.nas.boot();
    console.log(`MLflow answered ${await answering()} s after the NAS was back`);
    await expectRunIsThere();
    expect(await homelab.integrity()).toBe("ok");
  });
});

describe("4. the NAS is killed while a client logs a metric every 100 ms", () => {
  it("loses nothing that was acknowledged", async () => {
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
    console.log(`${acknowledged.length} acknowledged, ${stored.size} stored`);
    expect(await homelab.integrity()).toBe("ok");
    await expectRunIsThere();
  });
});

describe("5. the client that runs MLflow is cut off", () => {
  it("has its server stopped before the other client starts one, and the data is whole", async () => {
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
    console.log(`answered again ${(Date.now() - cut) / 1000} s after the cut`);
    // From both machines' own records: when the one container ended, and when the other began.
    const times = "sudo docker ps --all --no-trunc --format '{{.ID}} {{.Names}}'";
    const inspect = "--format '{{.State.StartedAt}} {{.State.FinishedAt}} {{.State.Running}}'";
    const record = async (machine: typeof client1, id?: string) => {
      const { stdout } = await machine.exec(times);
      const lines = stdout.split("\n").filter((line) => line.includes(`mlflow_app-${id ?? ""}`));
      const states = await Promise.all(
        lines.map(async (line) => {
          const { stdout: state } = await machine.exec(
            `sudo docker inspect ${inspect} ${line.split(" ")[0]}`,
          );
          return state.split(" ");
        }),
      );
      return states;
    };
    const old = await record(client2);
    expect(old.filter(([, , running]) => running === "true")).toEqual([]);
    const journal = await client2.exec(
      "sudo journalctl --unit docker --since -30min --output short-iso | tail -n 5",
    );
    console.log(journal.stdout);
    const started = (await record(client1)).find(([, , running]) => running === "true");
    const ended = await lastEnd();
    expect(Date.parse(started?.[0] ?? "")).toBeGreaterThan(ended);
    await client2.restoreLink();
    await until("client2 is ready again", PATIENCE, async () => {
      const nodes = (await homelab.nomad.get<{ Status: string }[]>("/nodes")) ?? [];
      return nodes.every(({ Status }) => Status === "ready");
    });
    expect((await homelab.running()).machine).toBe(client1);
    expect(await homelab.integrity()).toBe("ok");
    await expectRunIsThere();

    /** When Nomad's client on the cut-off machine says that the task ended: its own state, on its disk. */
    async function lastEnd(): Promise<number> {
      const { stdout } = await client2.exec(
        `curl -s http://127.0.0.1:4646/v1/client/allocation/${allocation.ID}/stats; sudo journalctl --unit nomad --since -30min --output json | jq -r 'select(.MESSAGE | test("Task event|task=mlflow_app|stopping alloc"; "i")) | [.__REALTIME_TIMESTAMP, .MESSAGE] | @tsv'`,
      );
      const stops = stdout
        .split("\n")
        .filter((line) => line.includes(allocation.ID) && /Killed|exited|Terminated/.test(line));
      const last = stops.at(-1)?.split("\t")[0];
      if (!last) throw new Error(`client2 has no record of the task's end:\n${stdout}`);
      return Number(last) / 1000;
    }
  });
});

describe("6. one of two clients is unreachable at a deploy", () => {
  it("is named, the other is prepared, and the exit code says it", async () => {
    const { client1, client2 } = homelab.machines;
    await client2.off();
    // Something that only the playbook does.
    homelab.configure(
      "volumes: { ...machines.volumes, artifacts: { ...machines.volumes.artifacts, mode: '0770' } }",
    );
    const { output, exitCode } = await homelab.make("deploy");
    expect(exitCode).not.toBe(0);
    expect(output).toMatch(/client2.*(unreachable|ssh|connect)/i);
    expect(output).not.toMatch(/client1.*failed/i);
    await client2.boot();
    homelab.configure("");
    expect((await homelab.make("deploy")).exitCode).toBe(0);
    expect((await client1.exec("systemctl is-active nomad")).stdout).toBe("active");
    await answering();
    await expectRunIsThere();
  });
});

describe("7. the export belongs to another uid", () => {
  it("is refused in one line before the job is touched", async () => {
    const { nas } = homelab.machines;
    const before = (await homelab.running()).allocation.ID;
    homelab.configure("image: { ...image, uid: 1234, gid: 1234 }");
    const { output, exitCode } = await homelab.make("deploy");
    expect(exitCode).not.toBe(0);
    expect(output).toMatch(
      /uid 1234 gid 1234 can't write there, the directory belongs to 1000:1000/,
    );
    expect((await homelab.running()).allocation.ID).toBe(before);
    const { stdout } = await nas.exec(`sudo stat --format %u:%g ${EXPORTS[0]}`);
    expect(stdout).toBe("1000:1000");
    homelab.configure("");
    expect((await homelab.make("deploy")).exitCode).toBe(0);
    await expectRunIsThere();
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
