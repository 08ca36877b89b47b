/**
 * The image, run by the lab's Docker daemon, or DOCKER_HOST's. HOMELAB_TEST_IMAGE_ID is its id.
 * The daemon is one of this machine, as the lab wants it: containers get the scripts by a mount.
 */
import { join } from "node:path";
import { execa } from "execa";
import { beforeAll, describe, expect, test } from "vitest";
import { ROOT } from "../../config/load.ts";
import { SERVER_OPTIONS } from "../../config/server-options.ts";
import { labSettings } from "../../lab/settings.ts";
import { readLabState } from "../../lab/state.ts";
import { ARTIFACT_PATHS } from "../../stacks/traefik-tags.ts";

process.env.DOCKER_HOST ??= readLabState(labSettings())?.dockerHost;
const image = process.env.HOMELAB_TEST_IMAGE_ID;
if (!image) console.log("server image: skipped, HOMELAB_TEST_IMAGE_ID names no image");

/** Runs a script of test/server, with the whole directory: the scripts share serving.py. */
async function python(script: string, ...options: string[]): Promise<string> {
  const { stdout } = await execa("docker", [
    ...["run", "--rm", "--user=0", "--network=none", ...options],
    ...["--volume", `${join(ROOT, "test", "server")}:/tests:ro`],
    ...["--entrypoint=python", `${image}`, `/tests/${script}`],
  ]);
  return stdout;
}

/** Runs `prepare` as root, then the entrypoint as the user that a deploy gives. */
async function entrypoint(prepare: string): Promise<{ exitCode?: number; stderr: string }> {
  const asUser = "exec setpriv --reuid=1000 --regid=1000 --clear-groups /opt/server/entrypoint.sh";
  const script = `mkdir -p /mnt/backend_store /mnt/artifacts
    echo mlflow-backend-store > /mnt/backend_store/.homelab-volume
    echo mlflow-artifacts > /mnt/artifacts/.homelab-volume
    chown 1000:1000 /mnt/*
    ${prepare}
    ${asUser}`;
  return await execa(
    "docker",
    ["run", "--rm", "--user=0", "--network=none", "--entrypoint=sh", `${image}`, "-ec", script],
    { reject: false, timeout: 60_000 },
  );
}

interface Server {
  app: string;
  command: string[];
  env: Record<string, string>;
  routes: { native: unknown[]; flask: unknown[] };
  answers: Record<string, unknown>;
  guards: Record<string, unknown>;
}

describe.skipIf(!image)("the server beside the stock mlflow server of the same image", () => {
  let ours: Server;
  let stock: Server;
  let log: string;

  beforeAll(async () => {
    ({ ours, stock, log } = JSON.parse(await python("parity.py")));
  });

  test("serves the application that stock serves", () => {
    expect(ours.app).toBe(stock.app);
    expect(stock.command).toContain("uvicorn");
    expect(ours.command).toContain("gunicorn");
  });

  test("has the environment that stock gives its child", () => {
    expect(stock.env).toHaveProperty("_MLFLOW_SERVER_FILE_STORE");
    // And what entrypoint.sh says to the C library.
    const malloc = { MALLOC_MMAP_THRESHOLD_: "1048576", MALLOC_TRIM_THRESHOLD_: "2097152" };
    expect(ours.env).toEqual({ ...stock.env, ...malloc });
  });

  test("has stock's routes, FastAPI's and Flask's", () => {
    expect(stock.routes.native.length).toBeGreaterThan(10);
    expect(stock.routes.flask.length).toBeGreaterThan(100);
    expect(ours.routes).toEqual(stock.routes);
  });

  test("answers a request to each route as stock does", () => {
    expect(ours.answers).toEqual(stock.answers);
  });

  test("guards Host and Origin as stock does", () => {
    expect(ours.guards).toEqual(stock.guards);
  });

  test("takes the shorter way to Flask, so the comparison covers it", () => {
    expect(log).toMatch(/\d{2,} paths of the API take the shorter way/);
  });
});

describe.skipIf(!image)("the server with fewer connections than clients", () => {
  test("answers all of them, though a batch takes several connections at a time", async () => {
    expect(JSON.parse(await python("many_batches.py"))).toEqual({ "200": 30 * 6 });
  });
});

describe.skipIf(!image)("a search for more runs than MLflow gives by default", () => {
  test("gives all of them, as pages do, within the memory of a deploy", async () => {
    const memory = ["--memory=512m", "--memory-swap=512m"];
    expect(JSON.parse(await python("large_search.py", ...memory))).toEqual({
      asPages: true,
      next: true,
      none: {},
      all: 10_000,
    });
  });
});

describe.skipIf(!image)("a search by a metric and a parameter on SQLite", () => {
  let result: Record<string, unknown>;

  beforeAll(async () => {
    result = JSON.parse(await python("search_work.py"));
  });

  test("is a fraction of the work with the statistics that the server makes, once there are runs", () => {
    expect(result).toMatchObject({ new: false, there: true, found: 100, same: true });
    expect(result.times).toBeGreaterThan(5);
  });

  test("has its statistics made once, not every minute, after most of the runs were deleted", () => {
    expect(result.dueAgain).toBe(false);
  });
});

describe.skipIf(!image)("the server when it is stopped", () => {
  test("finishes an upload under way and ends well below ten seconds", async () => {
    const result = JSON.parse(await python("stop.py"));
    expect(result).toMatchObject({ exitCode: 0, upload: [200], bytes: 1_000_000 });
    expect(result.seconds).toBeLessThan(8);
  });
});

describe.skipIf(!image)("the entrypoint refuses a volume", () => {
  test.each([
    ["that is no directory", "rm -r /mnt/artifacts", "/mnt/artifacts is not a directory"],
    ["without its sentinel", "rm /mnt/artifacts/.homelab-volume", ".homelab-volume is missing"],
    [
      "that is another volume",
      "echo other > /mnt/artifacts/.homelab-volume",
      "/mnt/artifacts/.homelab-volume names 'other'",
    ],
    ["that it can't write to", "chown 0:0 /mnt/artifacts", "/mnt/artifacts is not writable"],
    [
      "whose sentinel it can't read",
      "chmod 0 /mnt/artifacts/.homelab-volume",
      ".homelab-volume can't be read",
    ],
  ])("%s, in one line", async (_, prepare, said) => {
    const { exitCode, stderr } = await entrypoint(prepare);
    expect(exitCode).toBe(1);
    expect(stderr).toContain("entrypoint: volume mlflow-artifacts: ");
    expect(stderr).toContain(said);
    expect(stderr.split("\n")).toHaveLength(1);
  });
});

describe.skipIf(!image)("the server's database", () => {
  const make = (sql: string) =>
    `python -c 'import sqlite3; sqlite3.connect("/mnt/backend_store/mlflow.db").executescript("${sql}")'
    chown 1000:1000 /mnt/backend_store/*`;

  test("that is damaged is refused in one line, and left as it is", async () => {
    const { exitCode, stderr } = await entrypoint(
      `${make("create table a (b); insert into a values (randomblob(100000))")}
      printf damage | dd of=/mnt/backend_store/mlflow.db bs=1 seek=4096 conv=notrunc status=none
      sha256sum /mnt/backend_store/mlflow.db > /tmp/before
      trap 'sha256sum --check --quiet /tmp/before' EXIT`,
    );
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/^entrypoint: \S+mlflow\.db: the database is damaged \(.+\).*backup/);
    expect(stderr.split("\n")).toHaveLength(1);
  });

  test("in WAL mode is taken out of it, which a network file system can't serve", async () => {
    const script = `${make("pragma journal_mode = wal; create table a (b)")}
      python /opt/server/database.py /mnt/backend_store/mlflow.db
      python -c 'import sqlite3; print(*sqlite3.connect("/mnt/backend_store/mlflow.db").execute("pragma journal_mode"))' >&2
      exit 0`;
    const { stderr } = await entrypoint(script);
    expect(stderr).toBe("('delete',)");
  });
});

describe.skipIf(!image)("a volume that is gone while the server runs", () => {
  test("ends the server, which would answer and lose what it is given", async () => {
    const { exitCode, stderr } = await entrypoint(
      "(sleep 20; rm /mnt/artifacts/.homelab-volume) &",
    );
    expect(stderr).toContain(
      "/mnt/artifacts/.homelab-volume: No such file or directory: the volume is gone; the server ends",
    );
    expect(exitCode).toBe(0);
  });
});

describe.skipIf(!image)("the options of mlflow server", () => {
  test("are those that somebody has decided about", async () => {
    const listing =
      'from mlflow.cli import cli; print(*[p.opts[0] for p in cli.commands["server"].params])';
    const args = [
      "run",
      "--rm",
      "--network=none",
      "--entrypoint=python",
      `${image}`,
      "-c",
      listing,
    ];
    const { stdout } = await execa("docker", args);
    expect(stdout.trim().split(" ").sort()).toEqual(Object.keys(SERVER_OPTIONS).sort());
  });
});

describe.skipIf(!image)("the server for artifacts alone", () => {
  test("gets all routes of MLflow's that want it, and none that it refuses", async () => {
    const { artifacts, runs } = JSON.parse(await python("artifact_routes.py"));
    const isLed = (path: string) => ARTIFACT_PATHS.some((each) => `${path}/`.startsWith(each));
    expect(artifacts.length).toBeGreaterThan(10);
    expect(artifacts.filter((path: string) => !isLed(path))).toEqual([]);
    expect(runs.length).toBeGreaterThan(100);
    expect(runs.filter(isLed)).toEqual([]);
  });

  test("starts without a database, and refuses runs in MLflow's words", async () => {
    const { text, ...found } = JSON.parse(await python("artifacts_only.py"));
    expect(found).toEqual({ health: "OK", status: 503, made: ["artifacts"] });
    expect(text).toMatch(
      /^Endpoint: \/api\/2\.0\/mlflow\/experiments\/search disabled .*--artifacts-only/,
    );
  });
});

describe.skipIf(!image)("the image", () => {
  test("runs as the user of the build, not as root, and is below 450 MB", async () => {
    const format = "{{.Config.User}} {{.Size}}";
    const { stdout } = await execa("docker", ["image", "inspect", "--format", format, `${image}`]);
    const [user, size] = stdout.split(" ");
    expect(user).toMatch(/^[1-9]\d*:[1-9]\d*$/);
    expect(Number(size)).toBeLessThan(450_000_000);
  });

  test("sends no telemetry, unless its owner says so", async () => {
    const asked = "from mlflow.telemetry.utils import is_telemetry_disabled as d; print(d())";
    const run = async (...more: string[]) => {
      const options = ["run", "--rm", "--network=none", "--entrypoint=python", ...more, `${image}`];
      return (await execa("docker", [...options, "-c", asked])).stdout;
    };
    expect(await run()).toBe("True");
    expect(await run("--env=MLFLOW_DISABLE_TELEMETRY=false")).toBe("False");
  });

  test("holds nothing of stores and parts of MLflow that the config does not use", async () => {
    const parts = ["psycopg2", "boto3", "flask_wtf", "prometheus_client"];
    const asked = `import importlib.util as u; print([p for p in ${JSON.stringify(parts)} if u.find_spec(p)])`;
    const args = ["run", "--rm", "--network=none", "--entrypoint=python", `${image}`, "-c", asked];
    expect((await execa("docker", args)).stdout).toBe("[]");
  });

  test("holds neither pip nor a certificate of the builder", async () => {
    const script = "ls /opt/mlflow/bin; ls -A /run/secrets /root 2>/dev/null || true";
    const args = ["run", "--rm", "--network=none", "--entrypoint=sh", `${image}`, "-c", script];
    const { stdout } = await execa("docker", args);
    expect(stdout).toContain("mlflow");
    expect(stdout).not.toMatch(/^pip|^uv$|^ca$/m);
  });
});
