import { afterEach, describe, expect, it, vi } from "vitest";
import { checkConfig } from "../../../config/check.ts";
import type { HomelabInput } from "../../../config/schema.ts";
import { probeDns } from "../../../preflight/dns.ts";
import { startFakePihole } from "../../fake-pihole.ts";
import { smallConfig } from "../synth.ts";

afterEach(() => vi.unstubAllEnvs());

const probe = (dns: HomelabInput["dns"]) =>
  probeDns(checkConfig(smallConfig({ dns }), "homelab.config.ts"));

describe("before a deploy", () => {
  it("no DNS server is asked where the record is made by hand", async () => {
    expect(await probe({ provider: "none" })).toEqual([]);
  });

  it("a Pi-hole that refuses, and a DNS server that is silent, are told of, and no session is left", async () => {
    const pihole = await startFakePihole({ password: "right" });
    const dns = {
      provider: "pihole",
      version: 6,
      target: "10.0.0.2",
      url: pihole.url,
      port: 1,
    } as const;
    const silent = "DNS server at 127.0.0.1:1: connection refused; start it, or correct dns";
    vi.stubEnv("PIHOLE_PASSWORD", "wrong");
    expect(await probe(dns)).toEqual([
      silent,
      `Pi-hole at ${pihole.url}: it refuses the password in PIHOLE_PASSWORD; set it to an app password of this Pi-hole`,
    ]);
    vi.stubEnv("PIHOLE_PASSWORD", "right");
    expect(await probe(dns)).toEqual([silent]);
    expect(pihole.sessions.size).toBe(0);
    await pihole.close();
    expect((await probe(dns))[1]).toBe(
      `Pi-hole at ${pihole.url}: connection refused; start it, or correct dns.url`,
    );
  });

  it("dnsmasq's machine that does not let us in is told of with the setting", async () => {
    const host = { name: "router", address: "127.0.0.1", port: 1 };
    const problems = await probe({ provider: "dnsmasq", target: "traefik.lan", host, port: 1 });
    expect(problems.join("\n")).toMatch(/^DNS server router: .*; set dns\.host$|ssh: command/m);
  });
});
