import { describe, expect, it } from "vitest";
import { checkConfig } from "../../../config/check.ts";
import { UserError } from "../../../config/errors.ts";
import type { HomelabInput } from "../../../config/schema.ts";
import { managed, nfsVolumes, shared, smallConfig } from "../synth.ts";

function problems(more: Partial<HomelabInput>): string {
  try {
    checkConfig(smallConfig(more), "homelab.config.ts");
  } catch (error) {
    if (error instanceof UserError) return error.problems.join("\n");
    throw error;
  }
  return "";
}

const clients = [{ name: "m700" }, { name: "m900" }];
const on = (client: string, name: string) => ({ source: { directory: `/srv/${name}`, client } });

describe("a database that the deploy runs", () => {
  it.each([
    ["postgresql", "postgres:16.10-bookworm", 5432],
    ["mysql", "mariadb:11.8", 3306],
  ] as const)(
    "of %s needs a password and a volume, and fits into its memory by default",
    (kind, image, port) => {
      const more = managed({}, kind);
      expect(problems(more)).toBe("");
      const { backendStore } = checkConfig(smallConfig(more), "homelab.config.ts").storage;
      expect(backendStore).toMatchObject({ image, port });
      expect(problems({ ...more, volumes: nfsVolumes() })).toContain("is not run on NFS here");
      expect(problems(managed({ memory: 128 }, kind))).toContain(
        "storage.backendStore.memory: found 128",
      );
    },
  );

  it("may be on another client than the artifacts, as it is a job of its own", () => {
    const volumes = { backendStore: on("m700", "runs"), artifacts: on("m900", "artifacts") };
    expect(problems({ ...managed(), clients, volumes })).toBe("");
    expect(problems({ clients, volumes })).toContain("the server needs both volumes");
  });

  it("serves several servers, whose pools are computed from its connections", () => {
    const { storage } = shared();
    const backendStore = managed().storage.backendStore;
    const more = {
      storage: { ...storage, backendStore },
      volumes: { backendStore: { source: { directory: "/srv/runs" } } },
      job: { count: 2 },
    };
    expect(problems(more)).toBe("");
    expect(problems({ ...more, job: { count: 4 } })).toContain(
      "storage.backendStore.connections: found 40; expected at least 64",
    );
  });

  it.each<[string, Partial<HomelabInput>, string]>([
    [
      "without its volume",
      { volumes: { artifacts: { source: { directory: "/srv/artifacts" } } } },
      "volumes.backendStore: missing",
    ],
    [
      "on NFS",
      { volumes: nfsVolumes() },
      "expected a directory of one client, as PostgreSQL is not run on NFS here",
    ],
    ["without a password", managed({ password: undefined }), "storage.backendStore.password"],
    [
      "with the password itself",
      managed({ password: "hunter2" }),
      "where the secret is, never the secret itself",
    ],
    [
      "with less memory than its connections take",
      managed({ memory: 128 }),
      "storage.backendStore.memory: found 128; expected at least 299 MiB for 40 connections",
    ],
    ["with a URI", managed({ uri: { env: "DB_URI" } }), "storage.backendStore"],
    [
      "beside a job whose name leaves no room for its own",
      { job: { name: "m".repeat(53) } },
      "job.name: found ",
    ],
    [
      "beside a size of its pools that storage sets",
      { server: { env: { MLFLOW_SQLALCHEMYSTORE_POOL_SIZE: "9" } } },
      "a variable that storage does not set by itself",
    ],
  ])("%s is refused with the reason", (_, more, told) => {
    expect(problems({ ...managed(), ...more })).toContain(told);
    expect(problems({ ...managed(), ...more })).not.toContain("hunter2");
  });
});
