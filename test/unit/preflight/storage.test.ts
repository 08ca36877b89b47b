import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it, vi } from "vitest";
import { checkConfig } from "../../../config/check.ts";
import type { HomelabInput } from "../../../config/schema.ts";
import { databaseUriProblem, tlsOptionProblem } from "../../../preflight/database-uri.ts";
import { probeStorage } from "../../../preflight/storage.ts";
import { managed, modelsApart, postgresql, shared, smallConfig } from "../synth.ts";

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

  it("is refused between the databases that the deploy runs as well", async () => {
    const managedMysql = { ...ours, homelab_mlflow_storage: "backendStore=managed-mysql" };
    vi.stubEnv("DB_PASSWORD", "secret");
    expect(await told(managed(), managedMysql)).toEqual([
      expect.stringContaining(
        "runs in managed-mysql, and would not see them with managed-postgresql",
      ),
    ]);
    expect(await told(managed({}, "mysql"), managedMysql)).toEqual([]);
    expect(await told(managed({ replaces: "managed-mysql" }), managedMysql)).toEqual([]);
  });

  it("is none where the job has that kind, is not ours or not there", async () => {
    expect(await told(postgresql(), onPostgresql)).toEqual([]);
    expect(await told({}, ours)).toEqual([]);
    expect(await told(postgresql(), { other: "job" })).toEqual([]);
    expect(await told(postgresql(), undefined)).toEqual([]);
  });
});

describe("a deploy to another kind of registry store", () => {
  const apart = { ...ours, homelab_mlflow_storage: "backendStore=sqlite registryStore=postgresql" };
  const withRuns = (replaces?: "postgresql") =>
    ({ storage: { registryStore: { type: "backendStore", replaces } } }) as const;

  it("is refused, since the models would not be seen any more", async () => {
    vi.stubEnv("MODELS_URI", "postgresql://mlflow:secret@db.lan/models");
    expect(await told(modelsApart(), ours)).toEqual([
      'storage.registryStore: the job "mlflow" keeps its models in backendStore, and would not see them with postgresql, as nothing is moved; keep backendStore, or set storage.registryStore.replaces to "backendStore" to begin with what is in postgresql',
    ]);
    expect(await told({}, apart)).toEqual([
      expect.stringContaining(
        "keeps its models in postgresql, and would not see them with backend",
      ),
    ]);
  });

  it("goes on where the config says what it replaces, or nothing changes", async () => {
    vi.stubEnv("MODELS_URI", "postgresql://mlflow:secret@db.lan/models");
    expect(await told(modelsApart({ replaces: "backendStore" }), ours)).toEqual([]);
    expect(await told(withRuns("postgresql"), apart)).toEqual([]);
    expect(await told(modelsApart(), apart)).toEqual([]);
  });

  it("is refused for a URI that is none, or the runs' own, without showing it", async () => {
    vi.stubEnv("MODELS_URI", "mysql://mlflow:secret@db.lan/models");
    expect(await told(modelsApart(), undefined)).toEqual([
      "storage.registryStore.uri: found another kind of URI; expected postgresql://USER:PASSWORD@HOST:PORT/DATABASE",
    ]);
    vi.stubEnv("MODELS_URI", "postgresql://mlflow:secret@db.lan/mlflow");
    const { storage, volumes } = postgresql();
    const both = { storage: { ...storage, ...modelsApart().storage }, volumes };
    expect(await told(both, undefined)).toEqual([
      expect.stringContaining("found the database of storage.backendStore; leave out"),
    ]);
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

describe("a password for MySQL", () => {
  it("beyond ASCII is refused without showing it, as its driver sends another one", async () => {
    vi.stubEnv("DB_PASSWORD", "sécret");
    const found = await told(managed({}, "mysql"), undefined);
    expect(found).toEqual([
      "storage.backendStore.password: holds characters beyond ASCII, which MySQL's driver does not send as they are; set one without",
    ]);
    expect(await told(managed(), undefined)).toEqual([]);
    for (const escaped of ["s%C3%A9cret", "s%E9cret"])
      expect(databaseUriProblem(`mysql://mlflow:${escaped}@db.lan/mlflow`, "mysql")).toContain(
        "its password holds characters beyond ASCII",
      );
    expect(
      databaseUriProblem("postgresql://mlflow:s%C3%A9cret@db.lan/mlflow", "postgresql"),
    ).toBeUndefined();
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
    expect(tlsOptionProblem(uri, "storage.backendStore")).toBeUndefined();
    expect(tlsOptionProblem(`${uri}?connect_timeout=3`, "storage.backendStore")).toBeUndefined();
    expect(tlsOptionProblem(`${uri}?a=b&sslmode=disable`, "storage.registryStore")).toBe(
      "found the option sslmode, which storage.registryStore.caBundle sets; leave it out",
    );
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
