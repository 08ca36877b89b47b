import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it, vi } from "vitest";
import { checkConfig } from "../../../config/check.ts";
import type { HomelabInput } from "../../../config/schema.ts";
import { databaseUriProblem, tlsOptionProblem } from "../../../preflight/database-uri.ts";
import { probeStorage } from "../../../preflight/storage.ts";
import { postgresql, shared, smallConfig } from "../synth.ts";

const closing: (() => void)[] = [];
afterEach(() => {
  vi.unstubAllEnvs();
  for (const close of closing.splice(0)) close();
});

/** What a deploy says of its stores to a fake Nomad in which the job has this meta. */
async function told(config: Partial<HomelabInput>, meta: object | undefined) {
  const server = createServer((_, response) =>
    response.writeHead(meta ? 200 : 404).end(JSON.stringify({ Status: "running", Meta: meta })),
  );
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closing.push(() => server.close());
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  vi.stubEnv("DB_URI", "postgresql://mlflow:secret@db.lan/mlflow");
  return probeStorage(
    checkConfig(smallConfig({ ...config, nomad: { address } }), "homelab.config.ts"),
  );
}

const ours = { homelab_mlflow_owner: "mine" };
const onPostgresql = { ...ours, homelab_mlflow_storage: "backendStore=postgresql" };

describe("a deploy to another kind of backend store", () => {
  it("is refused, since the runs would not be seen any more", async () => {
    expect(await told(postgresql(), ours)).toEqual([
      'storage.backendStore: the job "mlflow" keeps its runs in sqlite, and would not see them with postgresql, as nothing is moved; keep sqlite, or set storage.backendStore.replaces to "sqlite" to begin with what is in postgresql',
    ]);
    expect(await told({}, onPostgresql)).toEqual([
      expect.stringContaining("keeps its runs in postgresql, and would not see them with sqlite"),
    ]);
  });

  it("goes on where the config says what it replaces", async () => {
    expect(await told(postgresql({ replaces: "sqlite" }), ours)).toEqual([]);
    const back = { storage: { backendStore: { type: "sqlite", replaces: "postgresql" } } } as const;
    expect(await told(back, onPostgresql)).toEqual([]);
  });

  it("is none where the job has that kind, is not ours or not there", async () => {
    expect(await told(postgresql(), onPostgresql)).toEqual([]);
    expect(await told({}, ours)).toEqual([]);
    expect(await told(postgresql(), { other: "job" })).toEqual([]);
    expect(await told(postgresql(), undefined)).toEqual([]);
  });
});

describe("a deploy to another place of the artifacts", () => {
  const inBucket = {
    ...ours,
    homelab_mlflow_storage:
      "backendStore=postgresql artifacts=http://nas.lan:7070/mlflow/artifacts",
  };

  it("is refused, since those that are there would not be found any more", async () => {
    expect(await told(shared({ replaces: "sqlite" }), onPostgresql)).toEqual([
      expect.stringContaining(
        'keeps its artifacts in volume, and would not see them with http://nas.lan:7070/mlflow/artifacts, as nothing is moved; keep volume, or set storage.artifacts.replaces to "volume"',
      ),
    ]);
    expect(await told(shared({ bucket: "other" }), inBucket)).toHaveLength(1);
    expect(await told(shared({ prefix: "other" }), inBucket)).toHaveLength(1);
    expect(await told(postgresql(), inBucket)).toHaveLength(1);
  });

  it("goes on where the config says what it replaces, or nothing changes", async () => {
    expect(await told(shared({ replaces: "volume" }), onPostgresql)).toEqual([]);
    expect(await told(shared(), inBucket)).toEqual([]);
    const replaces = "http://nas.lan:7070/mlflow/artifacts";
    expect(await told(shared({ bucket: "other", replaces }), inBucket)).toEqual([]);
  });
});

describe("the URI of a database", () => {
  it.each([
    "postgresql://mlflow:p%40ss%2Fw%3Ard@db.lan:5432/mlflow",
    "postgresql+psycopg2://mlflow:secret@db.lan/mlflow?sslmode=verify-full",
    "postgresql://mlflow@[fd00::5]:5432/ml_flow",
    "postgresql://mlflow:a!$&'()*+,;=.~_-b@192.0.2.7/mlflow",
  ])("%s is one", (uri) => {
    expect(databaseUriProblem(uri, "postgresql")).toBeUndefined();
  });

  it.each([
    ["p@xy", "write @ as %40"],
    ["p/xy", "write @ as %40"],
    ["p#xy", "# as %23"],
    ["p?xy", "? as %3F"],
    ["p[xy]", "[ as %5B"],
    ["p%xy", "% as %25"],
    ["p xy", "a blank as %20"],
    ["p@db/xy?y#z", "write @ as %40"],
  ])("with the password %s, not escaped, is refused without showing it", (password, said) => {
    const problem = databaseUriProblem(
      `postgresql://mlflow:${password}@db.lan:5432/mlflow`,
      "postgresql",
    );
    expect(problem).toContain(said);
    expect(problem).not.toContain("xy");
  });

  it.each(["mysql://mlflow:p%40ss@db.lan:3306/mlflow", "mysql+pymysql://mlflow@db.lan/mlflow"])(
    "%s is one of MySQL",
    (uri) => {
      expect(databaseUriProblem(uri, "mysql")).toBeUndefined();
      expect(databaseUriProblem(uri, "postgresql")).toContain(
        "expected postgresql://USER:PASSWORD@",
      );
    },
  );

  it.each([
    ["mysql+mysqldb://mlflow:secret@db.lan/mlflow", "another kind of URI; expected mysql://USER"],
    ["mysql://mlflow:p@ss@db.lan/mlflow", "write @ as %40"],
  ])("%s is refused as one of MySQL without showing it", (uri, said) => {
    expect(databaseUriProblem(uri, "mysql")).toContain(said);
    expect(databaseUriProblem(uri, "mysql")).not.toContain("secret");
  });

  it("may not weaken what the caBundle asks for", () => {
    const uri = "postgresql://mlflow:ssl%3Fssl@db.lan/mlflow";
    expect(tlsOptionProblem(uri)).toBeUndefined();
    expect(tlsOptionProblem(`${uri}?connect_timeout=3`)).toBeUndefined();
    expect(tlsOptionProblem(`${uri}?a=b&sslmode=disable`)).toContain("found the option sslmode");
  });

  it.each([
    ["postgres://mlflow:secret@db.lan/mlflow", "another kind of URI"],
    ["mysql://mlflow:secret@db.lan/mlflow", "another kind of URI"],
    ["postgresql+asyncpg://mlflow:secret@db.lan/mlflow", "another kind of URI"],
    ["postgresql://db.lan/mlflow", "no user"],
    ["postgresql://mlflow:secret@db.lan", "no host, port and database"],
    ["postgresql://mlflow:secret@db.lan/", "no database"],
    ["postgresql://mlflow:secret@db.lan:99999/mlflow", "no host, port and database"],
  ])("%s is refused without showing it", (uri, said) => {
    expect(databaseUriProblem(uri, "postgresql")).toContain(said);
    expect(databaseUriProblem(uri, "postgresql")).not.toContain("secret");
  });
});
