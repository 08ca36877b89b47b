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

  it("has ended before it is forgotten", () => {
    const job = named(json, "nomad_job", "postgresql_job");
    expect(resource(json, "terraform_data", "postgresql_end").depends_on).toEqual([job]);
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

describe("a MySQL that the deploy runs", () => {
  const json = synth(smallConfig(managed({}, "mysql")));
  const spec = jobspec(json, "mysql_job");

  it("is a MariaDB on the same volume, with its own start, port, end and socket", () => {
    expect(spec).toContain('image      = "mariadb:11.8"');
    expect(spec).toContain("to     = 3306");
    expect(spec).toContain('kill_signal  = "SIGTERM"');
    expect(spec).toContain('MYSQL_UNIX_PORT = "/tmp/mysql.sock"');
    expect(spec).toContain('source    = "mlflow-backend-store"');
    expect(spec).toContain('"--max-connections=50", "--innodb-buffer-pool-size=96M"');
    for (const name of ["start.sh", "mysql.sh", "mysql.sql"])
      expect(spec).toContain(`destination = "local/${name}"`);
    expect(spec).not.toMatch(/postgres:|PGHOST|initdb/);
  });

  it("has its password from a Nomad variable of its own", () => {
    expect(spec).toContain("nomad/jobs/mlflow-mysql/svc/mysql");
  });

  it("is found by the server through Nomad, which speaks MySQL with it", () => {
    const server = jobspec(json);
    expect(server).toContain('nomadService \\"mlflow-mysql\\"');
    expect(server).toContain('HOMELAB_BACKEND_STORE = "mysql"');
    expect(server).toContain('HOMELAB_DATABASE = "/local/database.json"');
    expect(resource(json, "docker_image", "server-image").build.build_args?.STORES).toBe("mysql");
  });

  it("is none of the PostgreSQL's: each has its own job", () => {
    expect(() => resource(json, "nomad_job", "postgresql_job")).toThrow();
  });
});
