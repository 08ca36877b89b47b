import { describe, expect, it } from "vitest";
import { type PooledDatabase, poolSize } from "../../../config/pools.ts";

const database = (connections: number, poolsOfWorker: number): PooledDatabase => ({
  key: "backendStore",
  connections,
  poolsOfWorker,
});

describe("the pools of a database", () => {
  it.each([
    [40, 2, 1, 2],
    [16, 2, 1, 2],
    [40, 2, 1, 3],
    [97, 4, 2, 2],
    [8, 1, 1, 2],
    [10_000, 16, 32, 3],
  ])(
    "%d connections for %d workers of %d servers with %d each are never more than that, an update included",
    (connections, workers, count, poolsOfWorker) => {
      const size = poolSize([database(connections, poolsOfWorker)], { workers, count });
      const most = (size + 1) * workers * 2 * count * poolsOfWorker;
      expect(size).toBeGreaterThanOrEqual(1);
      expect(most).toBeLessThanOrEqual(connections);
    },
  );

  it("are what the smaller of two databases allows, as MLflow has one number for all", () => {
    const servers = { workers: 2, count: 1 };
    expect(poolSize([database(40, 1), database(12, 1)], servers)).toBe(2);
    expect(poolSize([database(40, 1)], servers)).toBe(9);
  });
});
