import { describe, expect, it } from "vitest";
import type { HomelabInput } from "../../../config/schema.ts";
import type { DnsSpec } from "../../../dns/spec.ts";
import { resource, smallConfig, synth } from "../synth.ts";

type Dns = HomelabInput["dns"];

const PIHOLE: Dns = {
  provider: "pihole",
  version: 6,
  target: "traefik.lan",
  url: "http://pi.hole",
};
const DNSMASQ: Dns = {
  provider: "dnsmasq",
  target: "10.0.0.2",
  host: { name: "router", user: "ansible", address: "10.0.0.1" },
};

function record(dns: Dns) {
  const json = synth(smallConfig({ dns }));
  const made = resource(json, "terraform_data", "dns-record");
  const spec = made.input.spec && (JSON.parse(made.input.spec) as DnsSpec);
  return { json, made, spec };
}

describe("the DNS record", () => {
  it("is none where it is made by hand, and the block stays so that one is removed", () => {
    const { json, made } = record({ provider: "none" });
    expect(made.count).toBe(0);
    expect(made.provisioner[1]["local-exec"].when).toBe("destroy");
    const check = resource(json, "terraform_data", "deployment-check");
    expect(check.depends_on.join()).not.toContain("dns-record");
  });

  it("is made after the claim and before the check, which asks for it", () => {
    const { json, made } = record(PIHOLE);
    expect(made.count).toBe(1);
    expect(made.depends_on.join()).toContain("job-claim");
    const check = resource(json, "terraform_data", "deployment-check");
    expect(check.depends_on.join()).toContain("dns-record");
    const { dns } = JSON.parse(check.triggers_replace.spec);
    expect(dns).toEqual({
      server: { address: "pi.hole", port: 53 },
      name: "mlflow.lan",
      target: "traefik.lan",
    });
  });

  it("is removed by what was current when it was made: a destroy refers to itself only", () => {
    for (const each of record(PIHOLE).made.provisioner)
      expect(each["local-exec"].environment.HOMELAB_DNS).toBe("${self.output.spec}");
  });

  it("holds no password, even while one is in the environment", () => {
    process.env.PIHOLE_PASSWORD = "hunter2-in-the-environment";
    try {
      expect(JSON.stringify(record(PIHOLE).json)).not.toContain("hunter2-in-the-environment");
    } finally {
      delete process.env.PIHOLE_PASSWORD;
    }
  });

  it("is another one with another target, and the same one with another way to restart", () => {
    const triggers = (dns: Dns) => record(dns).made.triggers_replace;
    expect(triggers({ ...PIHOLE, target: "10.0.0.2" })).not.toEqual(triggers(PIHOLE));
    expect(triggers({ ...DNSMASQ, restart: { service: "other" }, replace: true })).toEqual(
      triggers(DNSMASQ),
    );
  });

  it("of dnsmasq is a drop-in on its machine", () => {
    const { spec } = record(DNSMASQ);
    expect(spec).toMatchObject({
      name: "mlflow.lan",
      target: "10.0.0.2",
      replace: false,
      server: { address: "10.0.0.1", port: 53 },
      keeper: { kind: "playbook", place: "router:/etc/dnsmasq.d/homelab-mlflow.conf" },
    });
    expect(spec.keeper).toMatchSnapshot();
  });

  it("of Pi-hole 5 is a drop-in too, and its own command restarts it", () => {
    const { spec } = record({
      provider: "pihole",
      version: 5,
      target: "traefik.lan",
      host: { name: "pi", connection: "local" },
    });
    expect(spec).toMatchObject({ server: { address: "127.0.0.1", port: 53 } });
    expect((spec.keeper as { inventory: string }).inventory).toContain(
      'dns_record_restart_command: ["pihole", "restartdns"]',
    );
  });
});
