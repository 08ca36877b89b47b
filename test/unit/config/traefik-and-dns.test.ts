import { describe, expect, it } from "vitest";
import { smallConfig } from "../synth.ts";
import { problems } from "./problems.ts";

/** The problems of a small config with more in it. */
const problemsWith = (more: object) => problems({ ...smallConfig(), ...more });

const pihole = { provider: "pihole", version: 6, target: "traefik.lan", url: "http://pi.hole" };
const dnsmasq = { provider: "dnsmasq", target: "traefik.lan", host: { name: "router" } };

describe("traefik", () => {
  it.each([
    [{ entryPoints: ["web,other"] }, 'traefik.entryPoints[0]: found "web,other"; expected a name'],
    [{ middlewares: ["a b"] }, 'traefik.middlewares[0]: found "a b"; expected a name'],
    [
      { ipAllowList: ["10.0.0.0/33"] },
      'traefik.ipAllowList[0]: found "10.0.0.0/33"; expected an IP',
    ],
    [{ ipAllowList: ["mlflow.lan"] }, 'traefik.ipAllowList[0]: found "mlflow.lan"; expected an IP'],
    [{ rule: "Host(`a`)\n" }, "traefik.rule: found "],
    [{ basicAuth: { users: ["a:b"] } }, "traefik.basicAuth.usersFile: missing"],
    [{ basicAuth: { usersFile: "users" } }, 'traefik.basicAuth.usersFile: found "users"'],
    [{ certResolver: "le" }, "traefik.tls: found false; expected true, as there is a traefik.cert"],
  ])("%j is refused", (traefik, told) => {
    expect(problemsWith({ traefik }).join("\n")).toContain(told);
  });

  it("with tls wants an https url, where there is one", () => {
    const traefik = { tls: true };
    expect(problemsWith({ traefik })).toEqual([]);
    expect(problemsWith({ traefik, url: "https://mlflow.lan:8443" })).toEqual([]);
    expect(problemsWith({ traefik, url: "http://mlflow.lan" })).toEqual([
      'homelab.config.ts: url: found "http://mlflow.lan"; expected an https:// URL, as traefik.tls is true',
    ]);
  });

  it("lets addresses and ranges in", () => {
    expect(
      problemsWith({ traefik: { ipAllowList: ["10.0.0.1", "10.0.0.0/8", "fd00::/8"] } }),
    ).toEqual([]);
  });
});

describe("dns", () => {
  it.each([
    [{ provider: "bind" }, 'expected "none", "dnsmasq" or "pihole"'],
    [{ ...pihole, version: 7 }, "expected 5 or 6"],
    [{ ...pihole, target: "1.2.3" }, 'dns.target: found "1.2.3"; expected a hostname (a CNAME'],
    [{ ...pihole, target: "fd00::1" }, 'dns.target: found "fd00::1"'],
    [{ ...pihole, target: "a,b" }, 'dns.target: found "a,b"'],
    [{ ...pihole, target: "MLflow.lan" }, "expected a name other than hostname"],
    [{ ...pihole, url: "http://pi.hole/admin" }, "dns.url: found"],
    [{ ...pihole, password: "x" }, "dns.password: unknown key"],
    [{ ...pihole, version: 5 }, "dns.host: missing"],
    [{ ...dnsmasq, restart: {} }, "dns.restart: found {}; expected either"],
    [{ ...dnsmasq, host: { name: "all" } }, "dns.host.name: found"],
    [{ provider: "none", target: "x" }, "dns.target: unknown key"],
  ])("%j is refused", (dns, told) => {
    expect(problemsWith({ dns }).join("\n")).toContain(told);
  });

  it("makes no record for an address", () => {
    expect(problemsWith({ dns: pihole, hostname: "10.0.0.7" })).toEqual([
      'homelab.config.ts: hostname: found "10.0.0.7"; expected a name, as dns makes a record for it',
    ]);
  });

  it("is taken as it is meant", () => {
    for (const dns of [pihole, dnsmasq, { ...dnsmasq, provider: "pihole", version: 5 }])
      expect(problemsWith({ dns })).toEqual([]);
  });
});
