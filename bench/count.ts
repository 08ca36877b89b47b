import { PLAIN } from "./bench.ts";
import type { Figure, Row } from "./figure.ts";
import { median, times } from "./statistics.ts";
import { BUCKET, s3Credentials, withStores } from "./stores.ts";
import { stopJob } from "./throw-away.ts";

const COUNTS = [1, 2, 4];
const CLIENTS = 32;
const SECONDS = 4;

interface Result {
  readonly perSecond: number;
  readonly p99Ms: number;
}

/** Several servers on PostgreSQL and S3, through Traefik: all of them, and the clients, on this machine. */
export const count: Figure = {
  name: "count",
  title: "Several servers",
  rounds: 5,
  measure: (bench, rounds) =>
    withStores(bench, async ({ database, endpoint }) => {
      const { AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: key } = s3Credentials();
      Object.assign(process.env, { BENCH_DATABASE: database, BENCH_S3_ID: id, BENCH_S3_KEY: key });
      const measured: { servers: number; samples: Result[] }[] = [];
      try {
        for (const servers of COUNTS) {
          bench.checkout.configure(`
            ${PLAIN},
            job: { count: ${servers} },
            volumes: {},
            storage: {
              backendStore: { type: "postgresql", uri: { env: "BENCH_DATABASE" }, connections: 80, replaces: "sqlite" },
              artifacts: {
                type: "s3", bucket: "${BUCKET}", endpoint: "${endpoint}", replaces: "volume",
                credentials: { accessKeyId: { env: "BENCH_S3_ID" }, secretAccessKey: { env: "BENCH_S3_KEY" } },
              },
            },`);
          await bench.deploy();
          const log = () =>
            bench.load<Result>("log_metric.py", bench.config.url ?? "", {
              clients: CLIENTS,
              seconds: SECONDS,
            });
          await log();
          const samples: Result[] = [];
          for (const _ of times(rounds)) samples.push(await log());
          measured.push({ servers, samples });
        }
      } finally {
        // Back to what the other figures want; a job that is there would have to be told that.
        await stopJob(bench);
        bench.checkout.configure(PLAIN);
        bench.forgetDeploy();
      }
      const rate = (samples: Result[]) => median(samples.map((each) => each.perSecond));
      const one = rate(measured[0]?.samples ?? []);
      return measured.map(
        ({ servers, samples }): Row => ({
          what: `log-metric, ${CLIENTS} clients, job.count ${servers}`,
          unit: "1/s",
          ours: rate(samples),
          ...(servers > 1 ? { comparison: { with: "one", value: one } } : {}),
          samples,
          note: `slowest of a hundred ${median(samples.map((each) => each.p99Ms)).toFixed(0)} ms`,
        }),
      );
    }),
};
