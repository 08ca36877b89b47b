import { describe, expect, it } from "vitest";
import { checkConfig } from "../../../config/check.ts";
import { neededMemory } from "../../../config/memory.ts";
import { nfsVolumes, smallConfig } from "../synth.ts";
import { problems } from "./problems.ts";

const base = smallConfig();
const CLASS = "${node.class}";

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

/** The config behind a Proxy that throws when it is asked. */
function throwing(trap: "get" | "ownKeys"): unknown {
  return new Proxy(base, {
    [trap]: () => {
      throw new Error(`no ${trap}`);
    },
  });
}

describe("a config with a secret in it", () => {
  it.each([
    ["as a text", "hunter2"],
    ["under a key of its own", { value: "hunter2" }],
    ["as the name of a variable", { env: "hunter2!" }],
    ["beside a place", { env: "A", value: "hunter2" }],
  ])("%s is refused without showing it", (_, value) => {
    const found = problems(withValue("server.secrets", { API_KEY: value }));
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(/^homelab\.config\.ts: server\.secrets\.API_KEY/);
    expect(found.join()).not.toContain("hunter2");
  });

  it("that is set twice is refused", () => {
    const server = { env: { A: "b" }, secrets: { A: { env: "B" } } };
    expect(problems(smallConfig({ server }))).toEqual([
      'homelab.config.ts: server.env.A: found "b"; expected a variable that is not in server.secrets as well',
    ]);
  });
});

describe("a config", () => {
  it("needs only a hostname, a registry, two directories and a client", () => {
    const config = checkConfig(base, "homelab.config.ts");
    expect(config.resources).toEqual({ cpu: 200, memory: 512 });
    expect(config.server.workers).toBe(2);
    expect(config.volumes.backendStore?.name).toBe("mlflow-backend-store");
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
    ["server.secrets", { A: {} }, "where the secret is, never the secret itself"],
    ["server.secrets", { A: { env: "A-B" } }, "the name of an environment variable"],
    ["server.secrets", { A: { file: "a" } }, "an absolute path"],
    ["server.secrets", { PATH: { env: "A" } }, "does not set by itself"],
    ["server.workers", 0, "expected a whole number from 1 to 16"],
    ["image.uid", 0, "never runs as root"],
    ["image.gid", 0, "never runs as root"],
    ["nomad.address", "nomad.lan:4646", 'such as "http://nomad.lan:4646"'],
    ["nomad.address", "http://nomad.lan:4646/v1", "without a path"],
    ["nomad.datacenters", [], "at least one datacenter"],
    ["nomad.datacenters", "dc1", "expected a list"],
    ["docker.host", "/var/run/docker.sock", "unix:///var/run/docker.sock"],
    ["registry.address", "http://registry.lan:5000", "without a scheme"],
    ["registry.address", "registry.lan:99999", "a port from 1 to 65535"],
    ["registry.scheme", "ftp", '"http" or "https"'],
    ["image.name", "MLflow", "lower-case"],
    ["volumes.artifacts.source.directory", "artifacts", "an absolute path"],
    ["volumes.artifacts.source.directory", `/srv/${"x".repeat(256)}`, "and 255 for each name"],
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
    [
      "clients",
      [{ name: "m700" }, { name: "M700" }],
      'found "M700"; expected a name that no other',
    ],
    ["clients", [{ name: "a" }, { name: "b", address: "A" }], "another machine than that of"],
    [
      "clients",
      [
        { name: "a", connection: "local" },
        { name: "b", connection: "local" },
      ],
      "another machine than that of",
    ],
    ["clients", [{ name: "a", user: "-oProxyCommand=x" }], "expected a user name"],
    ["hostname", "256.1.1.1", "expected a hostname"],
    ["hostname", "1.2", "expected a hostname"],
    ["hostname", "xn--a", "expected a hostname"],
    ["url", "http://mlflow.lan:0", "an http:// or https:// URL"],
    ["url", "http://1.2.3.256", "an http:// or https:// URL"],
    ["nomad.region", "${x}", "without ${ and %{"],
    ["state.path", "%{x}", "without ${ and %{"],
    ["state.path", "", "expected the path of a file"],
    ["docker.host", "unix://relative", "unix:///var/run/docker.sock"],
    ["docker.host", "unix:///a/${b}", "unix:///var/run/docker.sock"],
    ["registry.address", "registry", "a name with a dot or a port: Docker takes"],
    ["image.name", "a".repeat(200), "at most 128"],
    ["image.baseImage", "python:", "an image, such as"],
    ["server.allowedHosts", ["*"], "a Host header, and not any"],
    ["nomadClient.restart", { service: "" }, 'restart.service: found ""; expected a systemd'],
    ["nomadClient.restart", { service: "a", x: 1 }, "restart.x: unknown key"],
    ["nomadClient.restart", { command: "x" }, 'restart.command: found "x"; expected a list'],
    [
      "nomadClient.restart",
      { servcie: "a" },
      "found { servcie: 'a' }; expected either { service: \"",
    ],
    ["nomadClient.restart", {}, 'found {}; expected either { service: "nomad" } or { command: ['],
    ["nomadClient.restart", "nomad", 'found "nomad"; expected either { service: "nomad" } or'],
    ["nomadClient.restart", { service: "a", command: ["b"] }, "expected either { service:"],
    ["volumes.artifacts.source", { directory: "/srv/x", nfs: 1 }, "source.nfs: unknown key"],
    ["volumes.artifacts.source", "/srv/x", 'found "/srv/x"; expected either { directory: "'],
    ["dns", { provider: "bind" }, 'dns.provider: found "bind"; expected "none", "dnsmasq"'],
    ["dns", { provider: "pihole", version: 7 }, "dns.version: found 7; expected 5 or 6"],
    ["dns", "none", 'dns: found "none"; expected a plain object'],
    ["volumes.artifacts.source", {}, 'found {}; expected either { directory: "'],
    ["resources.memory", 536870912, "from 64 to 1048576"],
    ["job.name", "My Job", "lower-case letters"],
    ["job.priority", 101, "from 1 to 100"],
    ["server.env", { "A-B": "x" }, "a name of letters, digits and _"],
    ["resources.memory", 300, `at least ${neededMemory(2)} MiB for server.workers = 2`],
    ["server.workers", 16, `at least ${neededMemory(16)} MiB`],
  ])("with %s = %j is refused and told so", (path, value, told) => {
    const found = problems(withValue(path, value));
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(/^homelab\.config\.ts: [\w.[\]"=-]+: .+$/);
    expect(found[0]).toContain(told);
  });

  it.each([
    [undefined, "the default export: missing; expected a plain object"],
    [null, "the default export: found null; expected a plain object"],
    [42, "the default export: found 42; expected a plain object"],
    [() => base, "the default export: found [Function (anonymous)]; expected a plain object"],
    [[base], "the default export: found [ { hostname: 'mlflow.lan',"],
    [new Map([["hostname", "x"]]), "the default export: found Map(1) { 'hostname' => 'x' }; exp"],
    [throwing("ownKeys"), "the default export: found what can't be read: no ownKeys; expected"],
  ])("that is no plain object is refused (%#)", (value, told) => {
    expect(problems(value)).toHaveLength(1);
    expect(problems(value)[0]).toContain(told);
  });

  it("with a getter that throws is refused with its key, and with all its other problems", () => {
    const config = withValue("server.workers", 0) as Record<string, unknown>;
    Object.defineProperty(config, "url", {
      enumerable: true,
      get: () => {
        throw new Error("no network\nmore");
      },
    });
    expect(problems(config)).toEqual([
      "homelab.config.ts: url: found what can't be read: no network; expected a text",
      "homelab.config.ts: server.workers: found 0; expected a whole number from 1 to 16",
    ]);
  });

  it("that is a Proxy is refused with each key that can't be read", () => {
    const lines = problems(throwing("get"));
    expect(lines).toHaveLength(4);
    expect(lines[0]).toContain("hostname: found what can't be read: no get; expected a text");
  });

  it.each<[string, unknown, string]>([
    ["job", new Date(0), "found 1970-01-01T00:00:00.000Z; expected a plain object"],
    ["job", new Map(), "found Map(0) {}; expected a plain object"],
    ["job", Object.create({ name: "x" }), "found {}; expected a plain object"],
    ["job", new (class Job {})(), "found Job {}; expected a plain object"],
    ["job.name", () => "x", "found [Function (anonymous)]; expected a text"],
    ["job.name", Symbol("x"), "found Symbol(x); expected a text"],
    ["job.port", 10n, "found 10n; expected a port"],
    ["job.port", Number.NaN, "found NaN; expected a port"],
    ["job.priority", Number.POSITIVE_INFINITY, "found Infinity; expected a whole number"],
    ["job.killTimeout", -0, "found -0; expected seconds"],
    ["job.healthyDeadline", 1e300, "found 1e+300; expected seconds"],
    ["image.gid", 2 ** 53, "found 9007199254740992; expected a numeric gid"],
    ["job.name", "x".repeat(1e6), "xxx...; expected 1 to 63"],
    // biome-ignore lint/suspicious/noSparseArray: what is tested
    ["nomad.datacenters", [, "dc1"], "datacenters[0]: missing; expected a"],
    ["nomad.datacenters", new Array(2000), "found a list of 2000; expected a list"],
    ["server.env", ["x"], "found [ 'x' ]; expected a plain object"],
    ["server.env", { "A\nB": "x" }, 'server.env["A\\nB"]: found "A\\nB"; expected a name'],
    ["a\nb", 1, '["a\\nb"]: unknown key'],
    ["hostname", undefined, "hostname: missing; expected a text"],
  ])("with a strange %s is refused in one line (%#)", (path, value, told) => {
    const lines = problems(withValue(path, value));
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain(told);
    expect(lines[0]).not.toContain("\n");
    expect(lines[0]?.length).toBeLessThan(300);
  });

  it("that goes round in a circle is refused", () => {
    const config = structuredClone(base) as Record<string, unknown>;
    config.volumes = config;
    config.server = { env: { X: config } };
    expect(problems(config)).toEqual([
      "homelab.config.ts: server.env.X: found a circle back to what it is in; expected a text",
      "homelab.config.ts: volumes: found a circle back to what it is in; expected a plain object",
    ]);
  });

  it.each([
    [{ attribute: CLASS, operator: "~=", value: "x" }, "operator", 'one of "=", "==", "is"'],
    [{ attribute: CLASS }, "value", 'found ""; expected a value to compare with, as "=" needs'],
    [{ attribute: CLASS, operator: "set_contains_any" }, "value", "expected a value to compare"],
    [{ attribute: CLASS, operator: "regexp" }, "value", "expected a value to compare with"],
    [{ attribute: CLASS, operator: "is_set", value: "x" }, "value", "expected no value"],
    [{ attribute: CLASS, operator: "version", value: "> new" }, "value", "expected versions"],
    [{ attribute: CLASS, operator: "semver", value: "~> 1.2" }, "value", "expected versions"],
    [{ attribute: CLASS, operator: "distinct_property", value: "0" }, "value", "or a number"],
    [{ operator: "distinct_hosts", value: "yes" }, "value", '"true" or "false"'],
    [{ operator: "is_set" }, "attribute", "expected an attribute, such as"],
    [{ attribute: "node.class", value: "x" }, "attribute", "expected one of ${node.class},"],
    [{ attribute: "${node.clas}", value: "x" }, "attribute", "expected one of ${node.class},"],
  ])("with the constraint %j is refused as Nomad would", (constraint, key, told) => {
    const found = problems(withValue("job.constraints", [constraint]));
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(`job.constraints[0].${key}: `);
    expect(found[0]).toContain(told);
  });

  it.each([
    { attribute: CLASS, value: "small" },
    { attribute: "${attr.nomad.version}", operator: "version", value: ">= 1.10, < 2.0.0-beta" },
    { attribute: "${attr.nomad.version}", operator: "semver", value: "1.11.3+ent" },
    { attribute: "${meta.rack}", operator: "is_not_set" },
    { attribute: "${meta.rack}", operator: "distinct_property" },
    { operator: "distinct_hosts" },
    { attribute: "${meta.rack}", operator: "regexp", value: "^(?i)r[0-9]+$" },
  ])("takes the constraint %j", (constraint) => {
    expect(problems(withValue("job.constraints", [constraint]))).toEqual([]);
  });

  it.each([
    ["hostname", "192.168.1.2"],
    ["hostname", "MLflow.LAN"],
    ["hostname", "xn--mller-kva.lan"],
    ["url", "http://[fd00::1]:5000"],
    ["registry.address", "localhost"],
    ["registry.address", "10.0.0.1:5000"],
    ["image.baseImage", "registry.lan:5000/library/python:3.12-slim"],
    ["image.baseImage", `python@sha256:${"0".repeat(64)}`],
    ["server.allowedHosts", ["*.lan:*"]],
    ["docker.host", "ssh://me@host:22"],
    ["docker.host", "unix:///home/me/.docker/run/docker.sock"],
    ["docker.host", "tcp://[::1]:2376"],
    ["nomadClient.restart", { service: "nomad@1.service" }],
    ["clients", [{ name: "a", user: "LAN\\jörg", port: 22 }]],
    ["volumes", nfsVolumes()],
    ["volumes", nfsVolumes({ options: "nfsvers=4.1,nofail,rsize=65536" })],
  ])("takes %s = %j", (path, value) => {
    expect(problems(withValue(path, value))).toEqual([]);
  });

  it.each([
    [{ options: "nfsvers=4.2,soft,bg" }, "options without soft, which gives up writes"],
    [{ options: "nfsvers=3,hard,bg" }, "options without nfsvers=3, which has locks that"],
    [{ options: "vers=4.2,bg,nolock" }, "options without nolock"],
    [{ options: "local_lock=all,bg" }, "options without local_lock=all"],
    [{ options: "ro,bg" }, "options without ro"],
    [{ options: "nfsvers=4.2,hard" }, "bg among the options"],
    [{ options: "bg, hard" }, "mount options with commas between them"],
    [{ options: "bg,x=$(id)" }, "mount options with commas between them"],
    [{ export: "tank" }, "an absolute path of letters"],
    [{ export: "/tank/my files" }, "an absolute path of letters"],
    [{ export: "/tank/store/deep" }, "an export neither equal to, above nor below"],
    [{ server: "nas lan" }, "a hostname"],
    [{ mountPoint: "/etc" }, "a directory of its own"],
    [{ mountPoint: "/srv/mlflow-backend-store" }, "neither equal to, above nor below"],
  ])("on NFS with %j is refused", (changes, expected) => {
    const found = problems(withValue("volumes", nfsVolumes(changes)));
    expect(found.join("\n")).toContain(expected);
    expect(found).toHaveLength(1);
  });

  it("with several clients has its volumes on NFS, or its directories on one of them", () => {
    const clients = [{ name: "a" }, { name: "b", address: "A", port: 23 }];
    const on = (backend?: string, artifacts?: string) => ({
      ...(withValue("clients", clients) as object),
      volumes: {
        backendStore: { source: { directory: "/srv/store", client: backend } },
        artifacts: { source: { directory: "/srv/artifacts", client: artifacts } },
      },
    });
    expect(problems(on("a", "a"))).toEqual([]);
    expect(problems({ ...on(), volumes: nfsVolumes() })).toEqual([]);
    expect(problems(on()).join("\n")).toMatch(
      /backendStore\.source\.client: .*expected the client that has it \(a, b\).*\n.*artifacts/,
    );
    expect(problems(on("a", "b"))).toEqual([
      'homelab.config.ts: volumes.artifacts.source.client: found "b"; expected a, as for volumes.backendStore: the server needs both volumes',
    ]);
    expect(problems(on("a", "c"))[0]).toContain("one of clients: a, b");
  });

  it("may have a volume for files, which may be on another client, and is no other's", () => {
    const volumes = {
      backendStore: { source: { directory: "/srv/store", client: "a" } },
      artifacts: { source: { directory: "/srv/artifacts", client: "a" } },
    };
    const told = (files: object) =>
      problems({
        ...(withValue("clients", [{ name: "a" }, { name: "b" }]) as object),
        volumes: { ...volumes, files },
      }).map((line) => line.replace("homelab.config.ts: ", ""));
    expect(told({ source: { directory: "/srv/files", client: "b" } })).toEqual([]);
    expect(told({ source: { directory: "/srv/files" } }).join()).toContain(
      "volumes.files.source.client: found undefined; expected the client that has it (a, b)",
    );
    expect(
      told({ name: "mlflow-artifacts", source: { directory: "/srv/store/x", client: "b" } }),
    ).toEqual([
      'volumes.files.source.directory: found "/srv/store/x"; expected a directory neither equal to, above nor below that of volumes.backendStore (/srv/store)',
      'volumes.files.name: found "mlflow-artifacts"; expected a name other than that of volumes.artifacts',
    ]);
  });

  it("is told of a memory that does not fit together with what is wrong elsewhere", () => {
    const config = withValue("server.workers", 16) as Record<string, unknown>;
    config.hostname = "";
    config.clients = [{ name: "a" }, { name: "A" }];
    config.colour = "blue";
    expect(problems(config).map((line) => line.split(": ")[1])).toEqual([
      "hostname",
      "clients[1].name",
      "colour",
      "resources.memory",
    ]);
  });

  it("may end its URLs with a slash, which is cut: an origin has none", () => {
    const config = withValue("server.corsOrigins", ["https://grafana.lan/"]);
    expect(checkConfig(config, "homelab.config.ts").server.corsOrigins).toEqual([
      "https://grafana.lan",
    ]);
  });

  it("names every required key that is missing", () => {
    expect(problems({}).map((line) => line.split(": ")[1])).toEqual([
      "hostname",
      "registry",
      "volumes.backendStore",
      "volumes.artifacts",
      "clients",
    ]);
  });

  it("takes any text where a text is free", () => {
    const hostile = "a\"'`$(x)${y}%{z}{{w}}\né";
    const config = checkConfig(withValue("server.env", { X: hostile }), "homelab.config.ts");
    expect(config.server.env.X).toBe(hostile);
  });
});
