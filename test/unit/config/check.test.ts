import { describe, expect, it } from "vitest";
import { checkConfig } from "../../../config/check.ts";
import { UserError } from "../../../config/errors.ts";
import { neededMemory } from "../../../config/memory.ts";
import { smallConfig } from "../synth.ts";

const base = smallConfig();

/** The config with one value changed, by its path. */
function withValue(path: string, value: unknown): unknown {
  const copy = structuredClone(base) as Record<string, unknown>;
  const keys = path.split(".");
  const last = keys.pop() as string;
  const parent = keys.reduce<Record<string, unknown>>((at, key) => {
    at[key] ??= {};
    return at[key] as Record<string, unknown>;
  }, copy);
  parent[last] = value;
  return copy;
}

function problems(config: unknown): readonly string[] {
  try {
    checkConfig(config, "homelab.config.ts");
  } catch (error) {
    if (error instanceof UserError) return error.problems;
    throw error;
  }
  return [];
}

describe("a config", () => {
  it("needs only a hostname, a registry, two directories and a client", () => {
    const config = checkConfig(base, "homelab.config.ts");
    expect(config.resources).toEqual({ cpu: 200, memory: 512 });
    expect(config.server.workers).toBe(2);
    expect(config.volumes.backendStore.name).toBe("mlflow-backend-store");
  });

  it("is refused with all its problems at once, a line each, with file, key, value and what is allowed", () => {
    const config = withValue("job.port", 70000) as Record<string, unknown>;
    config.colour = "blue";
    config.hostname = "mlflow_lan!";
    expect(problems(config)).toEqual([
      'homelab.config.ts: hostname: found "mlflow_lan!"; expected a hostname (RFC 1123: letters, digits, hyphens and dots, such as "mlflow.lan")',
      "homelab.config.ts: job.port: found 70000; expected a port from 1 to 65535",
      "homelab.config.ts: colour: unknown key; see docs/configuration.md",
    ]);
  });

  it.each([
    ["server.workers", "two", 'found "two"'],
    ["server.workers", 0, "expected a whole number from 1 to 16"],
    ["image.uid", 0, "never runs as root"],
    ["image.gid", 0, "never runs as root"],
    ["nomad.address", "nomad.lan:4646", 'such as "http://nomad.lan:4646"'],
    ["nomad.address", "http://nomad.lan:4646/v1", "without a path"],
    ["nomad.datacenters", [], "at least one datacenter"],
    ["nomad.datacenters", "dc1", "expected array"],
    ["docker.host", "/var/run/docker.sock", "unix:///var/run/docker.sock"],
    ["registry.address", "http://registry.lan:5000", "without a scheme"],
    ["registry.address", "registry.lan:99999", "a port from 1 to 65535"],
    ["registry.scheme", "ftp", '"http" or "https"'],
    ["image.name", "MLflow", "lower-case"],
    ["volumes.artifacts.source.directory", "artifacts", "an absolute path"],
    ["volumes.artifacts.source.directory", "/srv/backend", "neither equal to, above nor below"],
    ["volumes.artifacts.source.directory", "/srv/backend/", "neither equal to, above nor below"],
    [
      "volumes.artifacts.source.directory",
      "/srv/backend/deep",
      "neither equal to, above nor below",
    ],
    [
      "volumes.artifacts.source.directory",
      "/srv/x/../backend",
      "neither equal to, above nor below",
    ],
    ["volumes.artifacts.source.directory", "/opt", "not one of the system's"],
    ["volumes.artifacts.source.directory", "/etc/mlflow", "not one of the system's"],
    ["volumes.artifacts.mode", "0070", "all rights for the owner"],
    ["server.env", { HOMELAB_VOLUMES: "" }, "does not set by itself"],
    ["server.allowedHosts", ["a,b"], "without blanks and commas"],
    ["url", " http://x", "an http:// or https:// URL"],
    ["clients", [{ name: "all" }], "Ansible's own"],
    ["volumes.artifacts.name", "mlflow-backend-store", "other than that of volumes.backendStore"],
    ["volumes.artifacts.mode", "750", "an octal mode"],
    ["clients", [], "at least one Nomad client"],
    ["clients", [{ name: "a" }, { name: "a" }], "a name that no other client has"],
    ["job.name", "My Job", "lower-case letters"],
    ["job.priority", 101, "from 1 to 100"],
    ["server.env", { "A-B": "x" }, "a name of letters, digits and _"],
    ["resources.memory", 300, `at least ${neededMemory(2)} MiB for server.workers = 2`],
    ["server.workers", 16, `at least ${neededMemory(16)} MiB`],
  ])("with %s = %j is refused and told so", (path, value, told) => {
    const found = problems(withValue(path, value));
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(/^homelab\.config\.ts: [\w.[\]-]+: /);
    expect(found[0]).toContain(told);
  });

  it.each([
    [undefined, "the default export: missing; expected object"],
    [42, "the default export: found 42; expected object"],
  ])("that is %j is refused", (value, told) => {
    expect(problems(value)[0]).toContain(told);
  });

  it("names every required key that is missing", () => {
    expect(problems({}).map((line) => line.split(": ")[1])).toEqual([
      "hostname",
      "registry",
      "volumes",
      "clients",
    ]);
  });

  it("takes any text where a text is free", () => {
    const hostile = "a\"'`$(x)${y}%{z}{{w}}\né";
    const config = checkConfig(withValue("server.env", { X: hostile }), "homelab.config.ts");
    expect(config.server.env.X).toBe(hostile);
  });
});
