/** PostgreSQL and S3 beside the bench's lab, and the servers that keep their data there. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { checkConfig } from "../config/check.ts";
import { bridgeAddress } from "../lab/bridge.ts";
import { ensurePostgresql, LAB_SUPERUSER } from "../lab/postgresql.ts";
import { stopServer } from "../lab/servers.ts";
import { ensureVersitygw, LAB_S3_ACCOUNT } from "../lab/versitygw.ts";
import { storageEnvironment } from "../stacks/storage-environment.ts";
import type { Bench } from "./bench.ts";
import { interruption, run } from "./run.ts";
import { ours, type Server, stock, withServer } from "./servers.ts";

export const BUCKET = "bench";
const DATABASE = "bench";

export type BackendStore = "sqlite" | "postgresql";
export type Artifacts = "volume" | "s3";

/** Where runs and artifacts are. */
export interface Kept {
  readonly backendStore: BackendStore;
  readonly artifacts: Artifacts;
}

export interface Stores {
  readonly image: string;
  /** URI of the database, as this machine and the containers reach it. */
  readonly database: string;
  /** Of the S3 server. */
  readonly endpoint: string;
}

/** Starts both and builds the image with both drivers, and stops them in the end. */
export async function withStores<T>(bench: Bench, use: (stores: Stores) => Promise<T>): Promise<T> {
  const { settings } = bench;
  const work = { settings, signal: interruption.signal, say: () => {} };
  const bridge = await bridgeAddress(bench.state.dockerHost);
  try {
    await ensurePostgresql(["127.0.0.1", bridge], work);
    await ensureVersitygw(["127.0.0.1", bridge], work);
    mkdirSync(join(settings.s3.dataDir, BUCKET), { recursive: true });
    const server = `${bridge}:${settings.ports.postgresql}`;
    await sql(server, `DROP DATABASE IF EXISTS ${DATABASE}`); // of another figure
    await sql(server, `CREATE DATABASE ${DATABASE}`);
    return await use({
      image: await buildWithDrivers(bench),
      // SQLAlchemy's own default is a driver that neither image has; a deploy names this one, too.
      database: `${uriOf(server, "postgresql+psycopg2")}/${DATABASE}`,
      endpoint: `http://${bridge}:${settings.ports.s3}`,
    });
  } finally {
    await stopServer(settings, "postgresql");
    await stopServer(settings, "versitygw");
  }
}

/**
 * Ours and stock's, with the same stores: one PostgreSQL, one bucket. A SQLite and a folder each has for
 * itself, since SQLite's statistics are in the database. Only one is asked at a time.
 */
export async function withBothOn<T>(
  bench: Bench,
  stores: Stores,
  kept: Kept,
  use: (servers: { ours: Server; stock: Server }) => Promise<T>,
): Promise<T> {
  const settings = configured(bench, stores, kept);
  const inS3 = kept.artifacts === "s3";
  const inDatabase = kept.backendStore === "postgresql";
  const our = {
    ...ours(bench.config.resources.memory),
    env: {
      ...settings,
      ...(inDatabase ? { MLFLOW_BACKEND_STORE_URI: stores.database } : {}),
      ...(inS3 ? s3Credentials() : {}),
    },
  };
  const their = {
    ...stock({
      ...(inDatabase ? { backendStore: stores.database } : {}),
      ...(inS3 ? { artifacts: settings.HOMELAB_ARTIFACTS } : {}),
    }),
    env: inS3 ? { ...s3Credentials(), MLFLOW_S3_ENDPOINT_URL: stores.endpoint } : {},
  };
  const { image } = stores;
  return withServer(bench, { ...our, image }, (ourServer) =>
    withServer(bench, { ...their, image }, (stockServer) =>
      use({ ours: ourServer, stock: stockServer }),
    ),
  );
}

/** The environment that a deploy with these stores gives the server. */
function configured(
  { config: { volumes, ...config } }: Bench,
  { endpoint }: Stores,
  { backendStore, artifacts }: Kept,
): Record<string, string> {
  const uri = { env: "BENCH_DATABASE" };
  return storageEnvironment(
    checkConfig(
      {
        ...config,
        volumes: {
          ...(backendStore === "sqlite" ? { backendStore: volumes.backendStore } : {}),
          ...(artifacts === "volume" ? { artifacts: volumes.artifacts } : {}),
        },
        storage: {
          backendStore: { type: backendStore, ...(backendStore === "sqlite" ? {} : { uri }) },
          artifacts: {
            type: artifacts,
            ...(artifacts === "s3" ? { bucket: BUCKET, endpoint } : {}),
          },
        },
      },
      "bench",
    ),
  );
}

/** For whoever speaks with the bucket. */
export function s3Credentials() {
  return {
    AWS_ACCESS_KEY_ID: LAB_S3_ACCOUNT.access,
    AWS_SECRET_ACCESS_KEY: LAB_S3_ACCOUNT.secret,
    AWS_DEFAULT_REGION: "us-east-1",
  };
}

async function buildWithDrivers(bench: Bench): Promise<string> {
  await bench.ensureDeployed();
  const { baseImage, uid, gid, caBundle } = bench.config.image;
  const image = `${bench.image}-stores`;
  await bench.docker([
    "build",
    ...["--build-arg", `BASE_IMAGE=${baseImage}`, "--build-arg", "STORES=postgresql s3"],
    ...["--build-arg", `UID=${uid}`, "--build-arg", `GID=${gid}`],
    ...(caBundle ? ["--secret", `id=ca,src=${caBundle}`] : []),
    ...["--tag", image, join(bench.checkout.directory, "image")],
  ]);
  return image;
}

function uriOf(server: string, scheme = "postgresql"): string {
  return `${scheme}://${LAB_SUPERUSER.name}:${LAB_SUPERUSER.password}@${server}`;
}

async function sql(server: string, command: string): Promise<void> {
  await run("psql", ["--quiet", "--command", command, `${uriOf(server)}/postgres`]);
}
