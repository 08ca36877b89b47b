import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { dnsmasqConfig } from "../../../lab/dnsmasq.ts";
import { embedded } from "../../../lab/embedded.ts";
import { labSettings } from "../../../lab/settings.ts";
import { traefikConfig } from "../../../lab/traefik.ts";
import { isUsable } from "../../../lab/traefik-binary.ts";

const settings = labSettings({ HOMELAB_LAB: "/srv/lab", HOMELAB_LAB_PORT: "30000" });

describe("the lab's Traefik", () => {
  it("listens where it is told to, asks that Nomad, and lets an upload take its time", () => {
    const listen = ["127.0.0.1:30080", "172.17.0.1:30080"];
    const { entryPoints, providers } = parse(traefikConfig(listen, "http://127.0.0.1:30046"));
    const transport = { respondingTimeouts: { readTimeout: 0 } };
    expect(entryPoints).toEqual({
      web: { address: "127.0.0.1:30080", transport },
      "web-2": { address: "172.17.0.1:30080", transport },
    });
    expect(providers.file).toBeUndefined();
    expect(providers.nomad.endpoint.address).toBe("http://127.0.0.1:30046");
  });

  it.each([
    ["3.5.4", true],
    ["2.11.0", false],
    ["4.0.0", false],
  ])("may be %s from PATH: %s", (version, usable) => {
    expect(isUsable(version)).toBe(usable);
  });
});

describe("the lab's DNS server", () => {
  it("is on loopback and reads the playbook's records", () => {
    const lines = dnsmasqConfig(settings).split("\n");
    expect(lines).toContain("port=30053");
    expect(lines).toContain("listen-address=127.0.0.1");
    expect(lines).toContain("conf-dir=/srv/lab/dnsmasq/records,*.conf");
  });
});

describe("the embedded homelab's url", () => {
  it("is Traefik's, by a name that Python's resolver knows everywhere", () => {
    expect(new URL(embedded.url).hostname).toBe("localhost");
    expect(new URL(embedded.url).port).toBe(String(labSettings().ports.traefik));
    expect(embedded.hostname).toBe("mlflow.localhost");
  });
});
