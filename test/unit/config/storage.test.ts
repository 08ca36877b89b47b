import { describe, expect, it } from "vitest";
import { checkConfig } from "../../../config/check.ts";
import { UserError } from "../../../config/errors.ts";
import type { HomelabInput } from "../../../config/schema.ts";
import { poolSize } from "../../../config/storage.ts";
import { postgresql, smallConfig } from "../synth.ts";

function problems(config: unknown): readonly string[] {
  try {
    checkConfig(config, "homelab.config.ts");
  } catch (error) {
    if (error instanceof UserError) return error.problems;
    throw error;
  }
  return [];
}

const sqliteVolumes = smallConfig().volumes;

describe("the stores of a config", () => {
  it("are SQLite and a volume when nothing is said", () => {
    expect(checkConfig(smallConfig(), "homelab.config.ts").storage).toEqual({
      backendStore: { type: "sqlite" },
    });
  });

  it("may be a PostgreSQL, which needs no volume", () => {
    expect(problems(smallConfig(postgresql()))).toEqual([]);
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
      'storage.backendStore.type: found "oracle"; expected "sqlite" or "postgresql"',
    ],
    [
      "a URI in another variable",
      { server: { env: { MLFLOW_BACKEND_STORE_URI: "sqlite:///x" } } },
      "expected a variable that the deploy does not set by itself",
    ],
  ])("%s are refused with the reason", (_, more, told) => {
    expect(problems(smallConfig(more)).join("\n")).toContain(told);
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

describe("the pools of a PostgreSQL", () => {
  it.each([
    [40, 2],
    [16, 2],
    [97, 4],
    [4, 1],
    [10_000, 16],
  ])(
    "%d connections for %d workers are never more than that, an update included",
    (connections, workers) => {
      const pools = workers * 2 * 2;
      const most = (poolSize(connections, workers) + 1) * pools;
      if (connections >= pools * 2) {
        expect(poolSize(connections, workers)).toBeGreaterThanOrEqual(1);
        expect(most).toBeLessThanOrEqual(connections);
      }
    },
  );
});
