import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { UserError } from "../../../config/errors.ts";
import { ARTIFACTS_GROUP } from "../../../nomad/groups.ts";
import {
  jobspec,
  modelsApart,
  postgresql,
  type Resource,
  resource,
  smallConfig,
  synth,
  tandem,
} from "../synth.ts";

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

  it("is named to the image, which puts it into the URI, which the task alone knows", () => {
    for (const config of [smallConfig(postgresql({ caBundle: ca })), mysql({ caBundle: ca })])
      expect(jobspec(synth(config))).toContain(
        'HOMELAB_BACKEND_STORE_CA = "/local/database-ca.pem"',
      );
    expect(jobspec(synth(smallConfig(postgresql())))).not.toContain("_CA = ");
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

describe("models in a database of their own", () => {
  const { storage, volumes } = postgresql({ connections: 40 });
  const apart = modelsApart({ type: "mysql", connections: 12, caBundle: ca }).storage;
  const json = synth(smallConfig({ storage: { ...storage, ...apart }, volumes }));
  const spec = jobspec(json);

  it("have their driver in the image beside the runs', and the kind in the job", () => {
    expect(drivers(json)).toBe("postgresql mysql");
    expect(drivers(synth(smallConfig(modelsApart())))).toBe("postgresql");
    expect(spec).toContain('HOMELAB_REGISTRY_STORE = "mysql"');
    expect(spec).toContain('HOMELAB_REGISTRY_STORE_CA = "/local/registry-ca.pem"');
    expect(spec).toContain("backendStore=postgresql registryStore=mysql artifacts=volume");
    expect(spec).not.toContain("REGISTRY_STORE_URI");
    expect(jobspec(synth(smallConfig(postgresql())))).not.toMatch(/REGISTRY|registryStore/);
  });

  it("have pools as large as the smaller database allows", () => {
    expect(spec).toContain('MLFLOW_SQLALCHEMYSTORE_POOL_SIZE = "2"');
  });

  it("are looked at before the job is touched, with their own number of connections", () => {
    const { environment } = resource(json, "terraform_data", "store-probe").provisioner[0][
      "local-exec"
    ];
    const { job, secrets, registryStore } = JSON.parse(environment.HOMELAB_PROBE);
    expect(job.env.HOMELAB_BACKEND_STORE_CONNECTIONS).toBe("40");
    expect(job.env.HOMELAB_REGISTRY_STORE_CONNECTIONS).toBe("12");
    expect(Object.keys(secrets.sources)).toEqual([
      "MLFLOW_BACKEND_STORE_URI",
      "MLFLOW_REGISTRY_STORE_URI",
    ]);
    expect(registryStore).toBe("mysql");
  });

  it("are no business of a server for artifacts alone", () => {
    const { storage: both } = tandem();
    const text = jobspec(synth(smallConfig({ storage: { ...both, ...apart }, volumes: {} })));
    const [server, artifacts] = text.split(`group "${ARTIFACTS_GROUP.name}"`);
    expect(server).toContain("HOMELAB_REGISTRY_STORE");
    expect(artifacts).toContain('HOMELAB_BACKEND_STORE = "none"');
    expect(artifacts).not.toContain("REGISTRY");
  });
});
