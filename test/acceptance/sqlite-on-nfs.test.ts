/** What SQLite on a NAS costs: one server after the other on a client, with its database here and there. */
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ROOT } from "../../config/load.ts";
import { EXPORTS, Homelab, localImage, PATIENCE } from "./homelab.ts";
import { until } from "./until.ts";

const NAS = "/mnt/nas";
const DISK = "/var/tmp/disk";

let homelab: Homelab;

beforeAll(async () => {
  homelab = await Homelab.create("sqlite-on-nfs", localImage());
  await homelab.machines.client2.exec(
    `sudo mkdir -p ${NAS} ${DISK} && sudo mount -t nfs4 -o nfsvers=4.2,hard nas:${EXPORTS[0]} ${NAS}`,
  );
}, 45 * 60_000);

afterAll(async () => {
  await homelab?.machines.remove();
});

describe("SQLite on a NAS", () => {
  it("the commits of SQLite by itself are counted on the NAS and on the client's disk", async ({
    task,
  }) => {
    const [nas, disk] = [await commitsPerSecond(NAS), await commitsPerSecond(DISK)];
    task.meta.measured = {
      "SQLite commits on NFS 4.2": `${nas.toFixed(0)}/s`,
      "SQLite commits on the client's disk": `${disk.toFixed(0)}/s`,
    };
    expect(nas).toBeGreaterThan(0);
  });

  it("the metrics that MLflow logs are counted on the NAS and on the client's disk", async ({
    task,
  }) => {
    const [nas, disk] = [await metricsPerSecond(NAS), await metricsPerSecond(DISK)];
    task.meta.measured = {
      "log-metric on NFS 4.2, 8 clients": `${nas}/s`,
      "log-metric on the client's disk, 8 clients": `${disk}/s`,
    };
    expect(nas).toBeGreaterThan(0);
  });
});

/** Of one row each, in the server's journal mode. */
async function commitsPerSecond(directory: string): Promise<number> {
  const { client2 } = homelab.machines;
  const commits = 200;
  const sql = `pragma journal_mode = persist; create table t (x); ${"insert into t values (1); ".repeat(commits)}`;
  await client2.exec("cat > /tmp/speed.sql", { input: sql });
  const file = `${directory}/speed.db`;
  const { stdout } = await client2.exec(
    `start=$(date +%s%N); sudo sqlite3 ${file} < /tmp/speed.sql > /dev/null && echo $(($(date +%s%N) - start)); sudo rm -f ${file}*`,
  );
  return commits / (Number(stdout) / 1e9);
}

/** Of a server with 2 workers and the artifacts beside the database. */
async function metricsPerSecond(directory: string): Promise<number> {
  const { machines } = homelab;
  const { client2 } = machines;
  const volumes = { backend_store: "backend", artifacts: "artifacts" };
  for (const name of Object.values(volumes))
    await client2.exec(
      `sudo sh -c 'mkdir -p ${directory}/${name} && echo ${name} > ${directory}/${name}/.homelab-volume && chown -R 1000:1000 ${directory}/${name}'`,
    );
  const pairs = Object.entries(volumes).map(([at, name]) => `/mnt/${at}=${name}`);
  const mounts = Object.entries(volumes).map(([at, name]) => `-v ${directory}/${name}:/mnt/${at}`);
  await client2.exec(
    `sudo docker run --detach --name speed --network host --memory 512m ${mounts.join(" ")} --env HOMELAB_WORKERS=2 --env HOMELAB_VOLUMES='${pairs.join(" ")}' ${localImage()} --host ${client2.address}`,
  );
  const url = `http://127.0.0.1:${machines.settings.ports.mlflow.client2}`;
  await until("the server answers", PATIENCE, async () => (await fetch(`${url}/health`)).ok);
  const load = (seconds: number) =>
    execa("python3", [
      join(ROOT, "bench", "load", "log_metric.py"),
      ...["--url", url, "--clients", "8", "--seconds", String(seconds)],
    ]);
  // The first requests of a worker import and compile.
  await load(30);
  const { stdout } = await load(60);
  await client2.exec("sudo docker rm --force speed");
  const { perSecond, failures } = JSON.parse(stdout);
  expect(failures).toEqual([]);
  return perSecond;
}
