import { describe, expect, it } from "vitest";
import type { HomelabInput } from "../../../config/schema.ts";
import { jobspec, resource, shared, smallConfig, synth, tandem } from "../synth.ts";

/** The text of each group of the job, by its name. */
function groups(config: HomelabInput): Record<string, string> {
  const [, ...found] = jobspec(synth(config)).split(/^ {2}group /m);
  return Object.fromEntries(found.map((text) => [/^"(\w+)"/.exec(text)?.[1], text]));
}

const PATHS =
  "PathPrefix(`/api/2.0/mlflow-artifacts/`) || PathPrefix(`/ajax-api/2.0/mlflow-artifacts/`)";

describe("the job of a tandem", () => {
  it("has a server for runs that carries no artifacts, and one for artifacts that knows no runs", () => {
    const { svc = "", artifacts = "" } = groups(smallConfig(tandem()));
    expect(svc).toContain('HOMELAB_ARTIFACTS = "mlflow-artifacts:/"');
    expect(svc).toContain('HOMELAB_ARTIFACTS_ACCESS = "direct"');
    expect(svc).toContain('HOMELAB_BACKEND_STORE = "postgresql"');
    expect(svc).toContain('HOMELAB_ARTIFACTS_SERVER = "http://mlflow.lan"');
    expect(svc).not.toMatch(/MLFLOW_S3|AWS_/);
    expect(artifacts).toContain('HOMELAB_ARTIFACTS = "s3://mlflow/artifacts"');
    expect(artifacts).toContain('HOMELAB_ARTIFACTS_ACCESS = "proxied"');
    expect(artifacts).toContain('HOMELAB_BACKEND_STORE = "none"');
    expect(artifacts).not.toMatch(/HOMELAB_ARTIFACTS_SERVER|POOL/);
  });

  it("gives each its own health check, size and image", () => {
    const size = { count: 3, workers: 4, resources: { cpu: 900, memory: 1024 } };
    const { svc = "", artifacts = "" } = groups(smallConfig(tandem({ route: "path", ...size })));
    for (const group of [svc, artifacts]) {
      expect(group).toMatch(/path +=\s"\/health"/);
      expect(group).toMatch(/ image = "\S+@sha256:0{64}"\n/);
    }
    expect(svc).toMatch(/count = 1\n/);
    expect(svc).toMatch(/memory = 512\n/);
    expect(artifacts).toMatch(/count = 3\n[\s\S]*cpu +=\s900\n\s+memory = 1024\n/);
    expect(artifacts).toContain('HOMELAB_WORKERS = "4"');
    expect(artifacts).toContain("services.mlflow-artifacts.loadbalancer.healthcheck.path=/health");
  });

  it("gives each task the secrets it needs, in a variable of its own", () => {
    const json = synth(smallConfig(tandem()));
    const sources = (name: string) => {
      const { provisioner } = resource(json, "terraform_data", `${name}_values`);
      const spec = JSON.parse(provisioner[0]["local-exec"].environment.HOMELAB_SECRETS);
      return Object.keys(spec.sources);
    };
    expect(sources("task-secrets")).toEqual(["MLFLOW_BACKEND_STORE_URI"]);
    expect(sources("artifacts-secrets")).toEqual(["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]);
    const { svc = "", artifacts = "" } = groups(smallConfig(tandem()));
    expect(svc).toContain("nomad/jobs/mlflow/svc/mlflow_app");
    expect(artifacts).toContain("nomad/jobs/mlflow/artifacts/mlflow_artifacts");
  });

  it("has no variable for artifacts where one server has all secrets", () => {
    const json = synth(smallConfig(shared()));
    expect(resource(json, "terraform_data", "artifacts-secrets_variable").count).toBe(0);
    expect(resource(json, "terraform_data", "task-secrets_variable").count).toBe(1);
  });

  it("gives each the volume it needs, and starts new servers for artifacts beside the old", () => {
    const { svc = "", artifacts = "" } = groups(
      smallConfig({ storage: { artifactsServer: { route: "path" } } }),
    );
    expect(svc).toContain('HOMELAB_VOLUMES = "/mnt/backend_store=mlflow-backend-store"');
    expect(svc).toMatch(/canary +=\s0\n/);
    expect(svc).not.toContain('volume "mlflow-artifacts"');
    expect(artifacts).toContain('HOMELAB_VOLUMES = "/mnt/artifacts=mlflow-artifacts"');
    expect(artifacts).toMatch(/canary +=\s1\n/);
    expect(artifacts).not.toContain("mlflow-backend-store");
  });

  it("has the paths of artifacts at the url led to their server, with the user's rule as well", () => {
    expect(groups(smallConfig(tandem())).artifacts).toContain(
      `"traefik.http.routers.mlflow-artifacts.rule=(Host(\`mlflow.lan\`)) && (${PATHS})"`,
    );
    const traefik = { rule: "HostRegexp(`ml`)", ipAllowList: ["10.0.0.0/8"], tls: true };
    const { artifacts } = groups(smallConfig({ ...tandem(), traefik }));
    expect(artifacts).toContain(`.rule=(HostRegexp(\`ml\`)) && (${PATHS})"`);
    expect(artifacts).toContain("routers.mlflow-artifacts.tls=true");
    expect(artifacts).toContain("routers.mlflow-artifacts.middlewares=mlflow-artifacts-allow");
  });

  it("leads a hostname of its own there too, which MLflow takes, and new experiments name", () => {
    const { svc, artifacts } = groups(
      smallConfig({
        ...tandem({ route: "hostname", hostname: "artifacts.lan" }),
        url: "http://mlflow.lan:81",
      }),
    );
    expect(artifacts).toContain(
      `.rule=Host(\`artifacts.lan\`) || ((Host(\`mlflow.lan\`)) && (${PATHS}))"`,
    );
    expect(artifacts).toContain('ALLOWED_HOSTS = "mlflow.lan,mlflow.lan:81,artifacts.lan:81"');
    expect(svc).toContain('ALLOWED_HOSTS = "mlflow.lan,mlflow.lan:81"');
    expect(svc).toContain('HOMELAB_ARTIFACTS = "mlflow-artifacts://artifacts.lan:81/"');
  });

  it("lets the server for runs ask the other one at an address of the user's", () => {
    const env = { MLFLOW_TRACKING_URI: "http://10.0.0.2", MLFLOW_HTTP_REQUEST_MAX_RETRIES: "1" };
    const { svc } = groups(smallConfig({ ...tandem(), server: { env } }));
    expect(svc).toContain('HOMELAB_ARTIFACTS_SERVER = "http://10.0.0.2"');
    expect(svc).toContain('MLFLOW_HTTP_REQUEST_MAX_RETRIES = "1"');
  });
});
