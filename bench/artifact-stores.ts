import { join } from "node:path";
import { ROOT } from "../config/load.ts";
import type { Bench } from "./bench.ts";
import { Cgroup } from "./cgroup.ts";
import type { Figure, Row } from "./figure.ts";
import type { Server } from "./servers.ts";
import { inTurn, median, times } from "./statistics.ts";
import {
  type Artifacts,
  BUCKET,
  type Stores,
  s3Credentials,
  withBothOn,
  withStores,
} from "./stores.ts";

const STORES: readonly Artifacts[] = ["volume", "s3"];
/** Megabytes of 10^6 bytes. */
const SIZES = [
  { clients: 8, megabytes: 10 },
  { clients: 1, megabytes: 1000 },
];
const OF_DIRECT = 0.8;

interface Result {
  readonly uploadMBPerSecond: number;
  readonly downloadMBPerSecond: number;
}

/** Artifacts through the proxy: to a volume and to S3, beside stock, and beside S3 without a proxy. */
export const artifactStores: Figure = {
  name: "artifact-stores",
  title: "Each place for artifacts",
  rounds: 3,
  measure: (bench, rounds) =>
    withStores(bench, async (stores) => {
      const rows: Row[] = [];
      for (const artifacts of STORES)
        await withBothOn(bench, stores, { backendStore: "sqlite", artifacts }, async (servers) => {
          const cgroup = new Cgroup(servers.ours.pid);
          const move = (server: Server, size: (typeof SIZES)[number]) =>
            bench.load<Result>("artifacts.py", server.url, size);
          for (const server of Object.values(servers))
            await move(server, { clients: 2, megabytes: 10 });
          const rest = cgroup.mebibytes();
          for (const size of SIZES) {
            let samples: { ours: Result[]; theirs: Result[] } = { ours: [], theirs: [] };
            const peak = await cgroup.peakDuring(async () => {
              samples = await inTurn(
                rounds,
                () => move(servers.ours, size),
                () => move(servers.stock, size),
              );
            });
            const what = `${artifacts}: ${size.clients} x ${size.megabytes} MB`;
            rows.push(...compared(what, samples.ours, "stock", samples.theirs), {
              ...{ what: `${what}, memory`, unit: "MiB", ours: peak, samples: [peak] },
              note: `${rest.toFixed(0)} MiB before`,
            });
            if (artifacts === "volume") continue;
            const direct: Result[] = [];
            for (const _ of times(rounds)) direct.push(await straightToS3(bench, stores, size));
            rows.push(...compared(what, samples.ours, "direct", direct, OF_DIRECT));
          }
          if (cgroup.kills() > 0) throw new Error(`${servers.ours.container}: killed for memory`);
        });
      return rows;
    }),
};

function compared(what: string, ours: Result[], name: string, theirs: Result[], of = 1): Row[] {
  const ways = { up: "uploadMBPerSecond", down: "downloadMBPerSecond" } as const;
  return Object.entries(ways).map(([way, key]) => {
    const [our, their] = [ours, theirs].map((side) => median(side.map((each) => each[key]))) as [
      number,
      number,
    ];
    return {
      what: `${what} ${way}`,
      unit: "MB/s",
      ours: our,
      comparison: { with: name, value: their },
      target: { text: `>= ${of} x ${name}`, reached: our >= of * their },
      samples: { ours, [name]: theirs },
    };
  });
}

/** As a client with direct access would: from a container of the image, which has boto3. */
async function straightToS3(
  bench: Bench,
  { image, endpoint }: Stores,
  { clients, megabytes }: (typeof SIZES)[number],
): Promise<Result> {
  const said = await bench.docker([
    ...["run", "--rm", "--network", "host", "--user", "0"],
    ...Object.entries(s3Credentials()).flatMap(([name, value]) => ["--env", `${name}=${value}`]),
    ...["--volume", `${join(ROOT, "bench", "load")}:/load:ro`],
    ...["--entrypoint", "python", image, "/load/s3_direct.py"],
    ...["--url", endpoint, "--bucket", BUCKET],
    ...["--clients", String(clients), "--megabytes", String(megabytes)],
  ]);
  const result = JSON.parse(said.trim().split("\n").at(-1) ?? "");
  if (result.failures.length > 0) throw new Error(`s3_direct.py: ${result.failures.join("; ")}`);
  return result;
}
