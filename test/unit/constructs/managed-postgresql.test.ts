import { describe, expect, it } from "vitest";
import {
  jobspec,
  managed,
  postgresql,
  type Resource,
  resource,
  smallConfig,
  synth,
} from "../synth.ts";

const named = (json: Resource, type: string, start: string) =>
  `${type}.${Object.keys(json.resource[type]).find((key) => key.startsWith(start))}`;

describe("a PostgreSQL that the deploy runs", () => {
  const json = synth(smallConfig(managed()));

  it("is looked at, registered and waited for before the server's stores are, and so the server", () => {
    const look = named(json, "terraform_data", "postgresql_look");
    const job = named(json, "nomad_job", "postgresql_job");
    const healthy = named(json, "terraform_data", "postgresql_healthy");
    const volumes = named(json, "terraform_data", "nomad-volumes");
    const probe = named(json, "terraform_data", "store-probe");
    expect(resource(json, "terraform_data", "postgresql_look").depends_on).toContain(volumes);
    expect(resource(json, "nomad_job", "postgresql_job").depends_on).toContain(look);
    expect(resource(json, "terraform_data", "postgresql_healthy").depends_on).toEqual([job]);
    expect(resource(json, "terraform_data", "store-probe").depends_on).toEqual([healthy]);
    expect(resource(json, "nomad_job", "mlflow-job").depends_on).toContain(probe);
  });

  it("is not touched by what changes the server alone", () => {
    const before = resource(json, "nomad_job", "postgresql_job").jobspec;
    const changed = synth(
      smallConfig({
        ...managed(),
        server: { workers: 1, env: { A: "b" }, secrets: { C: { env: "C" } } },
        resources: { memory: 600 },
        job: { killTimeout: 5 },
      }),
      "2.0.0",
    );
    expect(resource(changed, "nomad_job", "postgresql_job").jobspec).toBe(before);
    expect(jobspec(changed)).not.toBe(jobspec(json));
  });

  it("has the one volume, and the server the other", () => {
    expect(jobspec(json, "postgresql_job")).toContain('source    = "mlflow-backend-store"');
    expect(jobspec(json)).not.toContain("mlflow-backend-store");
    expect(jobspec(json)).toContain('HOMELAB_VOLUMES = "/mnt/artifacts=mlflow-artifacts"');
  });

  it("is found by the server through Nomad, which starts anew where the address has changed", () => {
    const spec = jobspec(json);
    expect(spec).toContain('nomadService \\"mlflow-postgresql\\"');
    expect(spec).toContain('change_mode = "restart"');
    expect(spec).toContain('HOMELAB_DATABASE = "/local/database.json"');
  });

  it("gets as many connections as the servers' pools, and some for people", () => {
    const spec = jobspec(
      synth(smallConfig(managed({ connections: 64, memory: 512 }))),
      "postgresql_job",
    );
    expect(spec).toContain('"max_connections=74"');
    expect(spec).toContain('"shared_buffers=128MB"');
  });

  it("has its password from a Nomad variable of its own, of which a deploy holds the place alone", () => {
    const spec = jobspec(json, "postgresql_job");
    expect(spec).toContain("nomad/jobs/mlflow-postgresql/svc/postgresql");
    expect(spec).toContain('homelab_mlflow_secrets = "the-generation"');
  });

  it("is one job more, which another backend store does not have", () => {
    expect(Object.keys(json.resource.nomad_job)).toHaveLength(2);
    expect(Object.keys(synth(smallConfig(postgresql())).resource.nomad_job)).toHaveLength(1);
  });
});
