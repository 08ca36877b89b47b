import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { checkConfig } from "../../../config/check.ts";
import type { HomelabConfig, HomelabInput } from "../../../config/schema.ts";
import { probeAnsible } from "../../../preflight/ansible.ts";
import { cdktfCommand } from "../../../preflight/cdktf-command.ts";
import { probeDocker } from "../../../preflight/docker.ts";
import { probeNomad } from "../../../preflight/nomad.ts";
import { probeRegistry } from "../../../preflight/registry.ts";
import { smallConfig } from "../synth.ts";

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

/** A server on loopback that answers everything with one status. */
async function answering(status: number, body = ""): Promise<string> {
  const server = createServer((_, response) => response.writeHead(status).end(body));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closing.push(() => server.close());
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
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
    expect(await probeNomad(config({ nomad: { address } }))).toEqual([
      `Nomad at ${address}: connection refused; set nomad.address, NOMAD_ADDR, NOMAD_TOKEN or NOMAD_CACERT`,
    ]);
  });

  it("a Nomad that refuses the token is told in its own words", async () => {
    const address = `http://${await answering(403, "Permission denied")}`;
    const [problem] = await probeNomad(config({ nomad: { address } }));
    expect(problem).toContain("Nomad answered 403: Permission denied");
  });

  it("an unreachable Docker is told with its socket", async () => {
    expect(await probeDocker(config({ docker: { host: "unix:///nowhere/docker.sock" } }))).toEqual([
      "Docker at unix:///nowhere/docker.sock: no such file; start it, or set docker.host or DOCKER_HOST",
    ]);
  });

  it.each([
    [200, undefined],
    [401, "it wants a login; run `docker login "],
    [404, "expected status 200 or 401 at /v2/, found 404"],
  ])("a registry that answers %d is told of rightly", async (status, told) => {
    const address = await answering(status);
    const problems = await probeRegistry(config({ registry: { address, scheme: "http" } }));
    if (told) expect(problems.join()).toContain(told);
    else expect(problems).toEqual([]);
  });

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

  it("a client that ssh can't reach is told by name and address", async () => {
    const [, port] = (await closedPort()).split(":");
    const clients = [{ name: "m700", address: "127.0.0.1", port: Number(port), user: "ansible" }];
    const problems = await probeAnsible(config({ clients }));
    const own = problems.filter((line) => line.startsWith("client "));
    expect(own).toHaveLength(1);
    expect(own[0]).toMatch(/^client m700: ssh to 127\.0\.0\.1:\d+: .+; set clients\[0\]$/);
  });

  it("nothing is asked of the clients when ansible.run is false", async () => {
    expect(await probeAnsible(config({ ansible: { run: false } }))).toEqual([]);
  });

  it("a run outside cdktf is known as none of its commands", () => {
    expect(cdktfCommand()).toBeUndefined();
  });
});
