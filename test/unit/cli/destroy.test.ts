import { expect, it } from "vitest";
import { whatHappens } from "../../../cli/destroy.ts";
import { checkConfig } from "../../../config/check.ts";
import type { HomelabInput } from "../../../config/schema.ts";
import { filesVolume, managed, smallConfig } from "../synth.ts";

it("A destroy says what ends and where the data stays before it asks", () => {
  const lines = whatHappens(checkConfig(smallConfig(), "homelab.config.ts"));
  expect(lines[0]).toBe('MLflow stops, and Nomad forgets its job "mlflow". This stays:');
  expect(lines).toContain("  runs        /srv/backend");
  expect(lines).toContain("  artifacts   /srv/artifacts");
});

it("A destroy says where the files of stores and sweeps stay, where there are any", () => {
  const lines = whatHappens(checkConfig(smallConfig(filesVolume()), "homelab.config.ts"));
  expect(lines).toContain("  files       /srv/files");
});

it("A destroy says that the database that the deploy runs ends, and where its data stays", () => {
  const lines = whatHappens(checkConfig(smallConfig(managed()), "homelab.config.ts"));
  expect(lines[0]).toContain('forgets its job "mlflow" and its database\'s, "mlflow-postgresql".');
  expect(lines).toContain("  runs        /srv/backend");
});

it("A destroy says that the DNS record goes, where the deploy made one", () => {
  const told = (dns: HomelabInput["dns"]) =>
    whatHappens(checkConfig(smallConfig({ dns }), "homelab.config.ts")).join("\n");
  const dns = {
    provider: "pihole",
    version: 6,
    target: "10.0.0.2",
    url: "http://pi.hole",
  } as const;
  expect(told(dns)).toContain("The DNS record of mlflow.lan is removed.");
  expect(told({ provider: "none" })).not.toContain("DNS");
});
