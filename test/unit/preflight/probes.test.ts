import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { createServer, type RequestListener } from "node:http";
import { type AddressInfo, createServer as createTcpServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it, vi } from "vitest";
import { checkConfig } from "../../../config/check.ts";
import type { HomelabConfig, HomelabInput } from "../../../config/schema.ts";
import { probeAnsible } from "../../../preflight/ansible.ts";
import { cdktfCommand } from "../../../preflight/cdktf-command.ts";
import { probeCaBundle, probeDocker } from "../../../preflight/docker.ts";
import { probeNomad } from "../../../preflight/nomad.ts";
import { probeRegistry } from "../../../preflight/registry.ts";
import { nfsVolumes, smallConfig } from "../synth.ts";

const closing: (() => void)[] = [];
afterEach(() => {
  vi.unstubAllEnvs();
  for (const close of closing.splice(0)) close();
});

/** Listens on loopback, or on a socket file. */
async function listening(server: Server, socket?: string): Promise<string> {
  await new Promise<void>((resolve) => {
    if (socket) server.listen(socket, resolve);
    else server.listen(0, "127.0.0.1", resolve);
  });
  closing.push(() => server.close());
  return socket ?? `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** A server on loopback that answers everything with one status. */
function answering(status: number, body = "", headers = {}, socket?: string): Promise<string> {
  const answer: RequestListener = (_, response) => response.writeHead(status, headers).end(body);
  return listening(createServer(answer), socket);
}

/** A Nomad with these clients, as far as it is asked before a deploy. */
function fakeNomad(nodes: object[], namespaces = ["default"]): Promise<string> {
  return listening(
    createServer(({ url = "" }, response) => {
      const { pathname } = new URL(url, "http://nomad");
      const known = namespaces.some((each) => pathname === `/v1/namespace/${each}`);
      if (pathname === "/v1/nodes") response.end(JSON.stringify(nodes));
      else if (known) response.end("{}");
      else response.writeHead(404).end("not found");
    }),
  );
}

/** A folder for the files of one test. */
function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "homelab-probes-"));
  closing.push(() => rmSync(path, { recursive: true }));
  return path;
}

/** A port on which nothing listens. */
async function closedPort(): Promise<string> {
  const address = await answering(200);
  closing.pop()?.();
  return address;
}

function config(more: Partial<HomelabInput>): HomelabConfig {
  return checkConfig(smallConfig(more), "homelab.config.ts");
}

describe("before a deploy", () => {
  it("an unreachable Nomad is told with its address and the settings that name it", async () => {
    const address = `http://${await closedPort()}`;
    expect(await probeNomad(config({ nomad: { address } }), true)).toEqual([
      `Nomad at ${address}: connection refused; set nomad.address, NOMAD_ADDR, NOMAD_TOKEN or NOMAD_CACERT`,
    ]);
  });

  it("a Nomad that refuses the token is told in its own words", async () => {
    const address = `http://${await answering(403, "Permission denied")}`;
    const [problem] = await probeNomad(config({ nomad: { address } }), true);
    expect(problem).toBe(
      `Nomad at ${address}: it answered 403: Permission denied; set NOMAD_TOKEN to one that may GET /v1/nodes`,
    );
  });

  it.each([
    [500, "No cluster leader", "it answered 500: No cluster leader; see Nomad's log"],
    [502, `<html>\n${"x".repeat(5000)}`, "it answered 502: a web page; see Nomad's log"],
    [200, "<!DOCTYPE html>\n<html></html>", "something answers there that is no Nomad"],
    [200, "{}", "something answers there that is no Nomad"],
    [404, "not found", "something answers there that is no Nomad"],
    [400, "Client sent an HTTP request to an HTTPS server.\n", "HTTP request to an HTTPS server."],
  ])("a Nomad that answers %d is told of in one line (%#)", async (status, body, told) => {
    const address = `http://${await answering(status, body)}`;
    const problems = await probeNomad(config({ nomad: { address } }), true);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(/^Nomad at http:\/\/127\.0\.0\.1:\d+: .+; .+$/);
    expect(problems[0]).toContain(told);
  });

  it.each([
    ["is spoken to by https and speaks http", "https", createServer(), "http, not https?"],
    ["hangs up", "http", createTcpServer((s) => s.destroy()), "it closes the connection (http or"],
    ["is no web server", "http", createTcpServer((s) => s.end("SSH-2.0\r\n")), "not speak HTTP"],
  ])("a Nomad that %s is told of", async (_, scheme, server, told) => {
    const address = `${scheme}://${await listening(server as Server)}`;
    expect((await probeNomad(config({ nomad: { address } }), true)).join()).toContain(told);
  });

  it.each([
    [
      "NOMAD_ADDR",
      "nomad.lan:4646",
      "Nomad at nomad.lan:4646: no URL such as http://HOST:PORT; set",
    ],
    ["NOMAD_ADDR", "ftp://nomad.lan", "Nomad at ftp://nomad.lan: Invalid URL protocol: "],
    ["NOMAD_ADDR", "unix:///nowhere", "Nomad at unix:///nowhere: no such file"],
    ["NOMAD_CACERT", "/nowhere", 'NOMAD_CACERT: found "/nowhere"; expected a PEM file that can be'],
    ["NOMAD_CLIENT_KEY", "/tmp", 'NOMAD_CLIENT_KEY: found "/tmp"; expected a PEM file that can be'],
    [
      "NOMAD_TOKEN",
      "a\nb",
      "invalid x-nomad-token header; set nomad.address, NOMAD_ADDR, NOMAD_TO",
    ],
  ])("a wrong %s=%j is told of in one line", async (name, value, told) => {
    vi.stubEnv(name, value);
    const problems = await probeNomad(config({}), true);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(told);
  });

  it("a proxy in the environment does not stand between us and Nomad", async () => {
    vi.stubEnv("HTTP_PROXY", "http://127.0.0.1:1");
    const address = `http://${await fakeNomad([{ Status: "ready", Datacenter: "dc1" }])}`;
    expect(await probeNomad(config({ nomad: { address } }), true)).toEqual([]);
  });

  it("a job without a place to run is told of before a deploy, and only then", async () => {
    const m700 = { Name: "m700", Status: "ready", Datacenter: "DC0" };
    const address = `http://${await fakeNomad([m700])}`;
    const wrong = config({ nomad: { address, namespace: "ml" } });
    expect(await probeNomad(wrong, true)).toEqual([
      `Nomad at ${address}: there is no namespace "ml"; make it, or set nomad.namespace`,
      `Nomad at ${address}: no client is ready in nomad.datacenters: found m700 in DC0; set nomad.datacenters`,
    ]);
    expect(await probeNomad(wrong, false)).toEqual([]);
    const right = config({ nomad: { address, datacenters: ["dc1", "D*"] } });
    expect(await probeNomad(right, true)).toEqual([]);
  });

  it("a node pool without a ready client is told of", async () => {
    const nodes = [
      { Name: "m700", Status: "ready", Datacenter: "dc1" }, // of a Nomad before 1.6
      { Name: "m800", Status: "ready", Datacenter: "dc1", NodePool: "default" },
    ];
    const address = `http://${await fakeNomad(nodes)}`;
    const inPool = (nodePool: string) => probeNomad(config({ nomad: { address, nodePool } }), true);
    expect(await inPool("gpu")).toEqual([
      `Nomad at ${address}: no client is ready in nomad.nodePool: found m700 in default, m800 in default; set nomad.nodePool`,
    ]);
    expect(await inPool("default")).toEqual([]);
    expect(await inPool("all")).toEqual([]);
  });

  it("a Nomad whose clients are all down is told of", async () => {
    const address = `http://${await fakeNomad([{ Name: "m700", Status: "down" }])}`;
    expect(await probeNomad(config({ nomad: { address } }), true)).toEqual([
      `Nomad at ${address}: no client is ready to run the job: found m700 is down; start one`,
    ]);
  });

  it("an unreachable Docker is told with its socket", async () => {
    expect(await probeDocker(config({ docker: { host: "unix:///nowhere/docker.sock" } }))).toEqual([
      "Docker at unix:///nowhere/docker.sock: no such file; start it, or set docker.host or DOCKER_HOST",
    ]);
  });

  it.each<[number, string, object, string | undefined]>([
    [200, "{}", {}, undefined],
    [200, "", {}, undefined],
    [401, "", { "www-authenticate": "Basic" }, "it wants a login; run `docker login "],
    [401, "", {}, "found status 401; set registry.address"],
    [404, "", {}, "expected a registry at /v2/, found status 404; set registry.address"],
    [200, "<html></html>", {}, "expected a registry at /v2/, found status 200 (a web page); set"],
    [301, "", { location: "https://r/v2/" }, "found status 301 to https://r/v2/; set registry"],
    [400, "Client sent HTTP to HTTPS.\n", {}, "found status 400 (Client sent HTTP to HTTPS.); set"],
  ])(
    "a registry that answers %d %j is told of rightly (%#)",
    async (status, body, headers, told) => {
      const address = await answering(status, body, headers);
      const problems = await probeRegistry(config({ registry: { address, scheme: "http" } }));
      if (told) expect(problems.join()).toContain(told);
      else expect(problems).toEqual([]);
    },
  );

  it("a registry that is not there, or speaks http in place of https, is told of", async () => {
    const closed = await closedPort();
    expect(await probeRegistry(config({ registry: { address: closed, scheme: "http" } }))).toEqual([
      `registry at http://${closed}: connection refused; start it, or set registry.address and registry.scheme`,
    ]);
    const plain = await answering(200);
    const [problem] = await probeRegistry(
      config({ registry: { address: plain, scheme: "https" } }),
    );
    expect(problem).toContain("http, not https?");
  });

  it("a Docker that is something else is told of", async () => {
    const socket = join(folder(), "docker.sock");
    await answering(200, "<html></html>", {}, socket);
    expect(await probeDocker(config({ docker: { host: `unix://${socket}` } }))).toEqual([
      `Docker at unix://${socket}: something answers there that is no Docker, with status 200; start it, or set docker.host or DOCKER_HOST`,
    ]);
  });

  it.runIf(process.getuid?.() === 0)("a Docker that we may not ask is told of", async () => {
    const directory = folder();
    const socket = join(directory, "docker.sock");
    await answering(200, "OK", {}, socket);
    chmodSync(directory, 0o755);
    chmodSync(socket, 0o600);
    process.seteuid?.("nobody");
    const problems = await probeDocker(config({ docker: { host: `unix://${socket}` } }));
    process.seteuid?.(0);
    expect(problems).toEqual([
      `Docker at unix://${socket}: permission denied; be root or in the group docker, or set docker.host or DOCKER_HOST`,
    ]);
    expect(await probeDocker(config({ docker: { host: `unix://${socket}` } }))).toEqual([]);
  });

  it("a file for the build or for ssh that is not there is told of", async () => {
    expect(await probeCaBundle(config({ image: { caBundle: "/nowhere/ca.pem" } }))).toEqual([
      'image.caBundle: found "/nowhere/ca.pem"; expected a PEM file that can be read',
    ]);
    const clients = [{ name: "m700", privateKey: "/nowhere/key" }];
    expect((await probeAnsible(config({ clients }))).join("\n")).toContain(
      "client m700: no such file: /nowhere/key; set clients[0].privateKey",
    );
  });

  it("Ansible and ssh that are not there are told of", async () => {
    vi.stubEnv("PATH", "/nowhere");
    expect(await probeAnsible(config({}))).toEqual([
      "ansible-playbook: not found; install Ansible (Debian: apt-get install ansible; else pipx install ansible-core), or set ansible.run to false",
      "ssh: command not found; install an ssh client",
    ]);
  });

  it("a client that ssh can't reach is told by name and address", async () => {
    const [, port] = (await closedPort()).split(":");
    const clients = [{ name: "m700", address: "127.0.0.1", port: Number(port), user: "ansible" }];
    const problems = await probeAnsible(config({ clients }));
    const own = problems.filter((line) => line.startsWith("client "));
    expect(own).toHaveLength(1);
    expect(own[0]).toMatch(/^client m700: ssh to 127\.0\.0\.1:\d+: .+; set clients\[0\]$/);
  });

  it("one client that is away is left to the playbook, which prepares the others, and all are not", async () => {
    const port = Number((await closedPort()).split(":")[1]);
    const away = { name: "away", address: "127.0.0.1", port };
    const here = { name: "here", connection: "local", become: false } as const;
    const about = async (...clients: NonNullable<HomelabInput["clients"]>) =>
      (await probeAnsible(config({ clients, volumes: nfsVolumes() }))).filter((line) =>
        line.startsWith("client "),
      );
    expect(await about(away, here)).toEqual([]);
    expect(await about(away, { ...away, name: "away-too", port: port + 1 })).toHaveLength(2);
  });

  it("nothing is asked of the clients when ansible.run is false", async () => {
    expect(await probeAnsible(config({ ansible: { run: false } }))).toEqual([]);
  });

  it("a run outside cdktf is known as none of its commands", () => {
    expect(cdktfCommand()).toBeUndefined();
  });
});
