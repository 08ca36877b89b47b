import { describe, expect, it } from "vitest";
import { artifactRoot, artifactsServerUrl } from "../../../config/artifacts-server.ts";
import { checkConfig } from "../../../config/check.ts";
import type { HomelabInput } from "../../../config/schema.ts";
import { shared, smallConfig, tandem } from "../synth.ts";
import { problems } from "./problems.ts";

const byName = (hostname: string) => tandem({ route: "hostname", hostname });

describe("a server for artifacts alone", () => {
  it.each<[string, Partial<HomelabInput>]>([
    ["on volumes", { storage: { artifactsServer: { route: "path" } } }],
    ["with PostgreSQL and S3", { ...tandem(), clients: [] }],
    ["by a hostname of its own", byName("artifacts.lan")],
    ["of several on one directory", { storage: { artifactsServer: { route: "path", count: 3 } } }],
    [
      "on another client than that of the runs",
      {
        storage: { artifactsServer: { route: "path" } },
        clients: [{ name: "a" }, { name: "b" }],
        volumes: {
          backendStore: { source: { directory: "/srv/runs", client: "a" } },
          artifacts: { source: { directory: "/srv/artifacts", client: "b" } },
        },
      },
    ],
  ])("may be there %s", (_, more) => {
    expect(problems(smallConfig(more))).toEqual([]);
  });

  it.each<[string, Partial<HomelabInput>, string]>([
    [
      "artifacts that clients send to the bucket",
      {
        ...shared({ access: "direct" }),
        storage: {
          ...shared({ access: "direct" }).storage,
          artifactsServer: { route: "path" },
        },
      },
      'storage.artifactsServer: found "path"; expected none, as storage.artifacts.access is "direct"',
    ],
    [
      "no Traefik",
      { ...tandem(), traefik: { enable: false } },
      "expected none, as traefik.enable is false: nothing would tell the requests for the two servers apart",
    ],
    [
      "a fixed port, which leads past Traefik",
      { ...tandem(), job: { port: 5000 } },
      'job.port: found 5000; expected none, as storage.artifactsServer.route is "path"',
    ],
    [
      "the name of the server for runs",
      byName("MLflow.lan"),
      'storage.artifactsServer.hostname: found "MLflow.lan"; expected a name that neither hostname nor url has',
    ],
    [
      "the name of the url",
      { ...byName("m.lan"), url: "http://m.lan:81" },
      "expected a name that neither hostname nor url has",
    ],
    [
      "more workers than fit its memory",
      tandem({ route: "path", workers: 8 }),
      "storage.artifactsServer.resources.memory: found 512; expected at least 800 MiB for workers = 8, s3",
    ],
    [
      "another way to tell them apart",
      tandem({ route: "port" }),
      'storage.artifactsServer.route: found "port"; expected "path" or "hostname"',
    ],
  ])("is refused with %s, with the reason", (_, more, told) => {
    expect(problems(smallConfig(more)).join("\n")).toContain(told);
  });

  it("takes the driver of S3 off the server for runs, and its memory", () => {
    const resources = { memory: 416 };
    expect(problems(smallConfig({ ...tandem(), resources }))).toEqual([]);
    expect(problems(smallConfig({ ...shared(), resources }))).toHaveLength(1);
  });

  it.each([
    [tandem(), "http://mlflow.lan:81", "mlflow-artifacts:/"],
    [byName("artifacts.lan"), "http://artifacts.lan:81", "mlflow-artifacts://artifacts.lan:81/"],
  ])("is where clients find it, and new experiments say so", (more, url, root) => {
    const { storage } = checkConfig(smallConfig(more), "homelab.config.ts");
    expect(artifactsServerUrl(storage, "http://mlflow.lan:81")).toBe(url);
    expect(artifactRoot(storage, "http://mlflow.lan:81")).toBe(root);
  });
});
