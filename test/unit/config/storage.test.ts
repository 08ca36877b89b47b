import { describe, expect, it } from "vitest";
import { checkConfig } from "../../../config/check.ts";
import type { HomelabInput } from "../../../config/schema.ts";
import { basicAuth, modelsApart, nfsVolumes, postgresql, shared, smallConfig } from "../synth.ts";
import { problems } from "./problems.ts";

const sqliteVolumes = smallConfig().volumes;

describe("the stores of a config", () => {
  it("are SQLite and a volume when nothing is said", () => {
    expect(checkConfig(smallConfig(), "homelab.config.ts").storage).toEqual({
      backendStore: { type: "sqlite" },
      registryStore: { type: "backendStore" },
      artifacts: { type: "volume" },
    });
  });

  it("may be a PostgreSQL, which needs no volume", () => {
    expect(problems(smallConfig(postgresql()))).toEqual([]);
  });

  it("may be a MySQL, whose pools are computed as well", () => {
    expect(problems(smallConfig(postgresql({ type: "mysql" })))).toEqual([]);
    expect(problems(smallConfig(postgresql({ type: "mysql", connections: 15 }))).join()).toContain(
      "expected at least 16, for 2 in each of 8 pools",
    );
  });

  it.each<[string, Partial<HomelabInput>, string]>([
    [
      "SQLite without its volume",
      { volumes: { artifacts: sqliteVolumes?.artifacts } },
      "volumes.backendStore: missing; expected a plain object",
    ],
    [
      "no volume for the artifacts",
      { volumes: { backendStore: sqliteVolumes?.backendStore } },
      "volumes.artifacts: missing; expected a plain object",
    ],
    [
      "no volumes at all",
      { volumes: undefined },
      "volumes.artifacts: missing; expected a plain object",
    ],
    [
      "a PostgreSQL beside a volume that nothing would be kept on",
      { ...postgresql(), volumes: sqliteVolumes },
      "expected no such volume, as storage.backendStore is postgresql: nothing would be kept on it",
    ],
    [
      "fewer connections than the workers' pools need",
      { ...postgresql({ connections: 15 }), server: { workers: 2 } },
      "storage.backendStore.connections: found 15; expected at least 16, for 2 in each of 8 pools",
    ],
    [
      "a database that MLflow does not know",
      { storage: { backendStore: { type: "oracle" } as never } },
      'storage.backendStore.type: found "oracle"; expected "sqlite", "postgresql", "managed-postgresql", "mysql" or "managed-mysql"',
    ],
    [
      "a URI in another variable",
      { server: { env: { MLFLOW_BACKEND_STORE_URI: "sqlite:///x" } } },
      "expected a variable that the deploy does not set by itself",
    ],
  ])("%s are refused with the reason", (_, more, told) => {
    expect(problems(smallConfig(more)).join("\n")).toContain(told);
  });

  it("in PostgreSQL and S3 need no volumes and no clients, and may be of several servers", () => {
    const config = smallConfig({ ...shared(), clients: [], job: { count: 2 } });
    expect(problems(config)).toEqual([]);
  });

  it.each<[string, Partial<HomelabInput>, string]>([
    ["SQLite", {}, "two servers that write to one SQLite database would damage it"],
    [
      "artifacts in a directory",
      postgresql(),
      "the artifacts are in a directory of one client, where servers on others don't see them",
    ],
    ["one port for all", { ...shared(), job: { port: 5000 } }, "job.port is set"],
  ])("are refused for two servers with %s, with the reason", (_, more, why) => {
    const found = problems(smallConfig({ ...more, job: { ...more.job, count: 2 } }));
    expect(found.join("\n")).toContain("job.count: found 2; expected 1, as ");
    expect(found.join("\n")).toContain(why);
  });

  it("may be of several servers with artifacts on a NAS", () => {
    const volumes = { artifacts: nfsVolumes().artifacts };
    expect(problems(smallConfig({ ...postgresql(), volumes, job: { count: 2 } }))).toEqual([]);
  });

  it("need more memory with each driver, and fit with two workers into what is the default", () => {
    expect(problems(smallConfig(shared()))).toEqual([]);
    const more = { server: { workers: 3 } };
    expect(problems(smallConfig(more))).toEqual([]);
    expect(problems(smallConfig({ ...shared(), ...more }))).toEqual([
      "homelab.config.ts: resources.memory: found 512; expected at least 544 MiB for server.workers = 3, postgresql and s3; raise resources.memory or lower server.workers",
    ]);
  });

  it("refuse a variable that they set themselves, without showing what it was set to", () => {
    const server = {
      env: { AWS_SECRET_ACCESS_KEY: "hunter2", MLFLOW_SQLALCHEMYSTORE_POOL_SIZE: "9" },
      secrets: { AWS_ACCESS_KEY_ID: { env: "KEY" } },
    };
    expect(problems(smallConfig({ server }))).toEqual([]);
    const found = problems(smallConfig({ ...shared(), server }));
    expect(found.map((line) => line.split(": ")[1])).toEqual([
      "server.env.AWS_SECRET_ACCESS_KEY",
      "server.env.MLFLOW_SQLALCHEMYSTORE_POOL_SIZE",
      "server.secrets.AWS_ACCESS_KEY_ID",
    ]);
    expect(found.join()).toContain("expected a variable that storage does not set by itself");
    expect(found.join()).not.toContain("hunter2");
  });

  it("never show a URI that somebody wrote in place of where it is", () => {
    const uri = "postgresql://mlflow:hunter2@db.lan/mlflow" as never;
    const found = problems(
      smallConfig({ ...postgresql(), storage: { backendStore: { type: "postgresql", uri } } }),
    );
    expect(found.join()).toContain("never the secret itself");
    expect(found.join()).not.toContain("hunter2");
  });
});

describe("the models of a config", () => {
  it("may be in a database of their own, beside runs in any, which needs a driver's memory", () => {
    expect(problems(smallConfig(modelsApart()))).toEqual([]);
    expect(
      problems(smallConfig({ ...modelsApart({ type: "mysql" }), server: { workers: 4 } })),
    ).toEqual([
      "homelab.config.ts: resources.memory: found 512; expected at least 544 MiB for server.workers = 4, mysql; raise resources.memory or lower server.workers",
    ]);
  });

  it("take a pool of each worker there, and leave one more with the runs", () => {
    const with12 = (store: object) => ({ connections: 12, ...store });
    const { storage, volumes } = postgresql(with12({}));
    expect(problems(smallConfig({ storage, volumes })).join()).toContain(
      "storage.backendStore.connections: found 12; expected at least 16, for 2 in each of 8 pools",
    );
    const apart = { ...storage, ...modelsApart(with12({})).storage };
    expect(problems(smallConfig({ storage: apart, volumes }))).toEqual([]);
    const auth = basicAuth();
    expect(
      problems(
        smallConfig({ storage: apart, volumes, ...auth, resources: { memory: 640 } }),
      ).join(),
    ).toContain(
      "storage.backendStore.connections: found 12; expected at least 16, for 2 in each of 8 pools",
    );
    expect(problems(smallConfig(modelsApart({ connections: 7 }))).join()).toContain(
      "storage.registryStore.connections: found 7; expected at least 8, for 2 in each of 4 pools",
    );
  });

  it.each<[string, object, string]>([
    ["in a file of their own", { type: "sqlite" }, '"backendStore", "postgresql" or "mysql"'],
    ["in a database that the deploy would run", { type: "managed-mysql" }, '"backendStore", "post'],
    ["with a URI in the config", { uri: "postgresql://a:hunter2@b/c" }, "never the secret itself"],
  ])("%s are refused with the reason", (_, more, told) => {
    const found = problems(smallConfig(modelsApart(more))).join();
    expect(found).toContain(told);
    expect(found).not.toContain("hunter2");
  });
});
