/** Both servers of one image, one beside the other: ours, and stock `mlflow server`. */
import { chownSync, existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Bench } from "./bench.ts";
import { Cgroup } from "./cgroup.ts";
import { answers } from "./poll.ts";
import { interruption } from "./run.ts";

/** They end by themselves after this, whatever becomes of us. */
const LIFETIME_SECONDS = 1800;
const START_SECONDS = 180;
const KILLS_TO_GIVE_UP = 3;

export interface Server {
  readonly url: string;
  readonly container: string;
  /** Process id of the container's first process. */
  readonly pid: number;
}

interface ServerOptions {
  readonly name: string;
  readonly command: readonly string[];
  /** @default the image that was deployed */
  readonly image?: string;
  /** On top of the image's. */
  readonly env?: Readonly<Record<string, string>>;
  /** Memory limit of the container, MB of 2^20 bytes; none when absent. */
  readonly memory?: number;
}

const WORKERS = "2";

export function ours(memory: number): ServerOptions {
  return { name: "ours", command: ["/opt/server/entrypoint.sh"], memory };
}

interface StockOptions {
  /** @default none */
  readonly memory?: number;
  /** URI of the database. */
  readonly backendStore?: string;
  /** Folder or s3:// URI. */
  readonly artifacts?: string;
}

/** With the options of our entrypoint, and its environment: job execution is off for both. */
export function stock({
  memory,
  backendStore = "sqlite:////mnt/backend_store/mlflow.db",
  artifacts = "/mnt/artifacts",
}: StockOptions = {}): ServerOptions {
  const command = [
    ...["mlflow", "server", "--workers", WORKERS],
    ...["--backend-store-uri", backendStore],
    ...["--serve-artifacts", "--artifacts-destination", artifacts],
  ];
  return { name: memory ? "stock-limited" : "stock", command, memory };
}

/** Starts a server on empty volumes on the local disk, does something with it, and removes it. */
export async function withServer<T>(
  bench: Bench,
  options: ServerOptions,
  use: (server: Server) => Promise<T>,
): Promise<T> {
  const container = `homelab-bench-${options.name}`;
  const data = dataDirectory(bench, options.name);
  try {
    return await use(await start(bench, options, container, data));
  } finally {
    await bench.docker(["rm", "--force", "--volumes", container], { anyway: true });
    rmSync(data, { recursive: true, force: true });
  }
}

/** Where a server's volumes are. */
function dataDirectory({ settings }: Bench, name: string): string {
  return join(settings.dir, "bench", name);
}

/** Ours, with the job's own memory limit, beside stock without one: it would be killed. */
export async function withBothServers<T>(
  bench: Bench,
  use: (servers: { ours: Server; stock: Server }) => Promise<T>,
): Promise<T> {
  return withServer(bench, ours(bench.config.resources.memory), (our) =>
    withServer(bench, stock(), (their) => use({ ours: our, stock: their })),
  );
}

async function start(
  bench: Bench,
  { command, memory, env = {}, image = bench.image }: ServerOptions,
  container: string,
  data: string,
): Promise<Server> {
  await bench.ensureDeployed(); // which makes the image
  rmSync(data, { recursive: true, force: true });
  const { uid, gid } = bench.config.image;
  const volumes = { backend: "/mnt/backend_store", artifacts: "/mnt/artifacts" };
  for (const name of Object.keys(volumes)) {
    mkdirSync(join(data, name), { recursive: true });
    writeFileSync(join(data, name, ".homelab-volume"), `${name}\n`);
    chownSync(join(data, name), uid, gid);
  }
  const port = await freePort();
  await bench.docker([
    ...["run", "--detach", "--name", container],
    // Docker's proxy for published ports would take CPU time and be part of each figure.
    ...["--network", "host"],
    ...Object.entries(volumes).flatMap(([name, at]) => ["--volume", `${join(data, name)}:${at}`]),
    ...[
      "--env",
      `HOMELAB_VOLUMES=${Object.entries(volumes)
        .map(([name, at]) => `${at}=${name}`)
        .join(" ")}`,
    ],
    ...["--env", `HOMELAB_WORKERS=${WORKERS}`],
    ...Object.entries(env).flatMap(([name, value]) => ["--env", `${name}=${value}`]),
    ...(memory ? ["--memory", `${memory}m`, "--memory-swap", `${memory}m`] : []),
    ...["--entrypoint", "timeout", image, String(LIFETIME_SECONDS)],
    ...[...command, "--host", "127.0.0.1", "--port", String(port)],
  ]);
  const url = `http://127.0.0.1:${port}`;
  const pid = Number(await bench.docker(["inspect", "--format", "{{.State.Pid}}", container]));
  const end = Date.now() + START_SECONDS * 1000;
  while (!(await answers(`${url}/health`))) {
    // Stock's parent starts another worker for one that was killed, and so on without end.
    const kills = existsSync(`/proc/${pid}`) ? new Cgroup(pid).kills() : 0;
    if (kills >= KILLS_TO_GIVE_UP) throw new Error(`killed for memory ${kills} times`);
    if (!existsSync(`/proc/${pid}`) || Date.now() > end)
      throw new Error(
        `it does not answer\n${await bench.docker(["logs", "--tail", "20", container], { errorsToo: true })}`,
      );
    interruption.signal.throwIfAborted();
    await sleep(500);
  }
  return { url, container, pid };
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address ? address.port : 0));
    });
  });
}
