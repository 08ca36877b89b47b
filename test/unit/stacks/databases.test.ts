import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { UserError } from "../../../config/errors.ts";
import { jobspec, postgresql, type Resource, resource, smallConfig, synth } from "../synth.ts";

const mysql = (more: object = {}) => smallConfig(postgresql({ type: "mysql", ...more }));
const folder = mkdtempSync(join(tmpdir(), "homelab-databases-"));
const ca = join(folder, "ca.pem");
const CERTIFICATE = "-----BEGIN CERTIFICATE-----\nabc=\n-----END CERTIFICATE-----";
writeFileSync(ca, `about it\n${CERTIFICATE}\n-----BEGIN PRIVATE KEY-----\nxyz=\n`);

const drivers = (json: Resource) =>
  resource(json, "docker_image", "server-image").build.build_args?.STORES;

describe("a MySQL", () => {
  it("has its driver in the image, its kind and pools in the job, and its URI in neither", () => {
    const json = synth(mysql());
    expect(drivers(json)).toBe("mysql");
    expect(drivers(synth(smallConfig(postgresql())))).toBe("postgresql");
    const spec = jobspec(json);
    expect(spec).toContain('HOMELAB_BACKEND_STORE = "mysql"');
    expect(spec).toContain('MLFLOW_SQLALCHEMYSTORE_POOL_SIZE = "4"');
    expect(spec).toContain("backendStore=mysql");
    expect(spec).not.toContain("BACKEND_STORE_URI");
  });
});

describe("the authority of a database's certificate", () => {
  it("becomes part of the job, without whatever else is in its file", () => {
    const spec = jobspec(synth(mysql({ caBundle: ca })));
    expect(spec).toContain(JSON.stringify(`${CERTIFICATE}\n`));
    expect(spec).not.toContain("PRIVATE KEY");
    expect(spec).not.toContain("about it");
  });

  it("makes PostgreSQL's driver want TLS and the host's name", () => {
    const spec = jobspec(synth(smallConfig(postgresql({ caBundle: ca }))));
    expect(spec).toContain('PGSSLMODE = "verify-full"');
    expect(spec).toContain('PGSSLROOTCERT = "/local/database-ca.pem"');
    expect(jobspec(synth(smallConfig(postgresql())))).not.toContain("PGSSL");
  });

  it("makes MySQL's do so by the URI, which the task alone knows", () => {
    const spec = jobspec(synth(mysql({ caBundle: ca })));
    expect(spec).toContain('HOMELAB_DATABASE_CA = "/local/database-ca.pem"');
  });

  it.each([
    ["that is not there", join(folder, "nowhere.pem"), "a PEM file that can be read"],
    ["without a certificate", import.meta.filename, "a PEM file with a certificate"],
  ])("in a file %s is refused in a line", (_, caBundle, expected) => {
    const refused = () => synth(smallConfig(postgresql({ caBundle })));
    expect(refused).toThrow(UserError);
    expect(refused).toThrow(
      `storage.backendStore.caBundle: found "${caBundle}"; expected ${expected}`,
    );
  });
});
