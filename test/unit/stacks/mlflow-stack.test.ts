import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  basicAuth,
  filesVolume,
  HOSTILE,
  jobspec,
  postgresql,
  type Resource,
  resource,
  shared,
  smallConfig,
  synth,
} from "../synth.ts";

describe("the stack", () => {
  it("builds, pushes, prepares, registers and checks in this order", () => {
    const json = synth(smallConfig());
    const name = (type: string, start: string) =>
      `${type}.${Object.keys(json.resource[type]).find((key) => key.startsWith(start))}`;
    const claim = name("terraform_data", "job-claim_name");
    const volumes = name("terraform_data", "nomad-volumes");
    const job = name("nomad_job", "mlflow-job");
    expect(resource(json, "docker_image", "server-image").depends_on).toEqual([claim]);
    expect(resource(json, "terraform_data", "nomad-volumes").depends_on).toEqual([claim]);
    expect(resource(json, "nomad_job", "mlflow-job").depends_on).toEqual([volumes]);
    const check = resource(json, "terraform_data", "deployment-check");
    expect(check.depends_on).toEqual([job]);
    expect(check.lifecycle.replace_triggered_by).toEqual([job]);
  });

  it("has ended before it is forgotten, and is not stopped by a change of where Nomad is", () => {
    const ends = ["http://nomad.lan:4646", "http://other.lan:4646"].map((address) =>
      resource(synth(smallConfig({ nomad: { address } })), "terraform_data", "job-end"),
    );
    const [end, elsewhere] = ends;
    expect(end.depends_on).toEqual([expect.stringContaining("nomad_job.mlflow-job")]);
    expect(end.provisioner.map((each: Resource) => each["local-exec"].when)).toEqual(["destroy"]);
    expect(elsewhere.input).not.toEqual(end.input);
    expect(elsewhere.triggers_replace).toEqual(end.triggers_replace);
  });

  it("lets servers that were stopped end before the playbook may restart an agent", () => {
    const { provisioner } = resource(synth(smallConfig()), "terraform_data", "nomad-volumes");
    const commands = provisioner.map((each: Resource) => each["local-exec"].command);
    expect(commands).toEqual([
      expect.stringContaining("check/settle.ts"),
      expect.stringContaining("ansible-playbook"),
    ]);
  });

  it("runs the image by its digest and tags it with version.txt", () => {
    const json = synth(smallConfig());
    const image = resource(json, "docker_image", "server-image");
    expect(image.name).toBe("registry.lan:5000/mlflow:v1.2.3");
    expect(resource(json, "nomad_job", "mlflow-job").jobspec).toMatch(
      /image = "registry\.lan:5000\/mlflow@\$\{docker_registry_image\.[\w-]+\.sha256_digest\}"/,
    );
  });

  it("keeps images on change and on destroy, since going back needs them", () => {
    const json = synth(smallConfig());
    expect(resource(json, "docker_image", "server-image").keep_locally).toBe(true);
    expect(resource(json, "docker_registry_image", "server-image").keep_remotely).toBe(true);
  });

  it("builds again when a build argument changes, and not otherwise", () => {
    const triggers = (config = smallConfig()) =>
      resource(synth(config), "docker_image", "server-image").triggers;
    expect(triggers()).toEqual(triggers());
    expect(triggers(smallConfig({ image: { uid: 2000 } }))).not.toEqual(triggers());
    expect(triggers(smallConfig({ server: { env: { A: "b" } } }))).toEqual(triggers());
  });

  it("hands a CA bundle to the build as a secret, not as an argument", () => {
    const image = resource(
      synth(smallConfig({ image: { caBundle: "/etc/ssl/own.pem" } })),
      "docker_image",
      "server-image",
    );
    expect(image.build.secrets).toEqual([{ id: "ca", src: "/etc/ssl/own.pem" }]);
    expect(JSON.stringify(image.build.build_args)).not.toContain("own.pem");
  });

  it("derives hosts, origins and Traefik's rule from the hostname and the url", () => {
    const spec = jobspec(synth(smallConfig({ url: "https://mlflow.lan:8443" })));
    expect(spec).toContain('MLFLOW_SERVER_ALLOWED_HOSTS = "mlflow.lan,mlflow.lan:8443"');
    expect(spec).toContain('MLFLOW_SERVER_CORS_ALLOWED_ORIGINS = "https://mlflow.lan:8443"');
    expect(spec).toContain('"traefik.http.routers.mlflow.rule=Host(`mlflow.lan`)"');
  });

  it("leaves Traefik's tags out when asked to", () => {
    expect(jobspec(synth(smallConfig({ traefik: { enable: false } })))).not.toContain("traefik");
  });

  it("prepares a volume for files on the clients, and leaves the server's job as it is", () => {
    const [without, withFiles] = [{}, filesVolume()].map((more) => synth(smallConfig(more)));
    expect(jobspec(withFiles)).toBe(jobspec(without));
    expect(resource(withFiles, "terraform_data", "nomad-volumes").triggers_replace).not.toEqual(
      resource(without, "terraform_data", "nomad-volumes").triggers_replace,
    );
  });

  it("only writes the playbook when ansible.run is false", () => {
    const json = synth(smallConfig({ ansible: { run: false } }));
    expect(Object.keys(json.resource.terraform_data).join()).not.toContain("nomad-volumes");
    expect(json.output.playbook_command.value).toContain("ansible-playbook --inventory");
  });

  it("asks for no claim on a job that is to be taken over", () => {
    const claim = (adopt: boolean) =>
      resource(synth(smallConfig({ job: { adopt } })), "terraform_data", "job-claim_name");
    expect(claim(false).provisioner[0]["local-exec"].command).toContain("check/claim.ts");
    expect(claim(true).provisioner).toBeUndefined();
  });

  it("shows the url, the image by digest, the version and the job's page", () => {
    const { output } = synth(smallConfig({ nomad: { address: "http://nomad.lan:4646" } }));
    expect(Object.keys(output)).toEqual([
      "image",
      "nomad_job_url",
      "tracking_uri",
      "url",
      "version",
    ]);
    expect(output.url.value).toBe("http://mlflow.lan");
    expect(output.nomad_job_url.value).toBe("http://nomad.lan:4646/ui/jobs/mlflow@default");
    expect(output.version.value).toMatch(/^\d+\.\d+\.\d+$/);
  });

  it("puts image and owner where they belong, whatever the user's texts are", () => {
    const env = { A: 'image = "homelab-mlflow-image"', B: "homelab-mlflow-owner" };
    const spec = jobspec(
      synth(smallConfig({ job: { name: "homelab-mlflow-image" }, server: { env } })),
    );
    expect(spec).toContain('job "homelab-mlflow-image" {');
    expect(spec).toContain('A = "image = \\"homelab-mlflow-image\\""');
    expect(spec).toContain('B = "homelab-mlflow-owner"');
    expect(spec).toMatch(/\n {8}image = "\S+@sha256:0{64}"\n/);
    expect(spec).toContain('homelab_mlflow_owner = "the-owner"');
  });

  it("has the task read its secrets from a Nomad variable, written before the job is registered", () => {
    const config = smallConfig({ server: { secrets: { API_KEY: { env: "MY_KEY" } } } });
    const json = synth(config);
    const written = resource(json, "terraform_data", "task-secrets_values");
    expect(written.provisioner[0]["local-exec"].command).toContain("secrets/main.ts");
    expect(resource(json, "nomad_job", "mlflow-job").depends_on).toContainEqual(
      expect.stringMatching(/^terraform_data\.task-secrets_values/),
    );
    const spec = jobspec(json);
    expect(spec).toContain('destination = "secrets/server.json"');
    expect(spec).toContain('HOMELAB_SECRETS = "/secrets/server.json"');
    expect(spec).toContain(
      '"{{ with nomadVar \\"nomad/jobs/mlflow/svc/mlflow_app\\" }}{{ index . \\"the-generation\\" }}{{ end }}"',
    );
  });

  it("removes the variable when there are no more secrets, and leaves the job without it", () => {
    const json = synth(smallConfig());
    const variable = resource(json, "terraform_data", "task-secrets_variable");
    expect(variable.count).toBe(0);
    expect(variable.provisioner[0]["local-exec"].when).toBe("destroy");
    expect(JSON.stringify(resource(json, "nomad_job", "mlflow-job"))).not.toContain("secrets");
  });

  it("looks at a PostgreSQL before volumes and job are touched, and starts the new server beside the old", () => {
    const json = synth(smallConfig(postgresql()));
    const probe = Object.keys(json.resource.terraform_data).find((key) =>
      key.startsWith("store-probe"),
    );
    for (const [type, name] of [
      ["terraform_data", "nomad-volumes"],
      ["nomad_job", "mlflow-job"],
    ] as const)
      expect(resource(json, type, name).depends_on).toContain(`terraform_data.${probe}`);
    expect(resource(json, "docker_image", "server-image").build.build_args.STORES).toBe(
      "postgresql",
    );
    const spec = jobspec(json);
    expect(spec).toMatch(/canary +=\s1\n +auto_promote/);
    expect(spec).toContain('HOMELAB_BACKEND_STORE = "postgresql"');
    expect(spec).toContain('MLFLOW_SQLALCHEMYSTORE_POOL_SIZE = "4"');
    expect(spec).not.toContain("DB_URI");
    expect(spec).not.toContain("backend_store");
  });

  it("hands an S3 server to image and task, its credentials as secrets alone, and a certificate as a file", () => {
    const folder = mkdtempSync(join(tmpdir(), "homelab-stack-"));
    const caBundle = join(folder, "ca.pem");
    const certificate = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----";
    writeFileSync(
      caBundle,
      `-----BEGIN PRIVATE KEY-----\nMIIC\n-----END PRIVATE KEY-----\n${certificate}`,
    );
    const json = synth(smallConfig({ ...shared({ caBundle }), clients: [] }));
    rmSync(folder, { recursive: true });
    expect(resource(json, "docker_image", "server-image").build.build_args.STORES).toBe(
      "postgresql s3",
    );
    const spec = jobspec(json);
    expect(spec).toContain('HOMELAB_ARTIFACTS = "s3://mlflow/artifacts"');
    expect(spec).toContain('MLFLOW_S3_ENDPOINT_URL = "http://nas.lan:7070"');
    expect(spec).toContain('MLFLOW_BOTO_CLIENT_ADDRESSING_STYLE = "path"');
    expect(spec).toContain('AWS_CA_BUNDLE = "/local/s3-ca.pem"');
    expect(spec).toContain("BEGIN CERTIFICATE");
    expect(JSON.stringify(json)).not.toContain("PRIVATE");
    expect(spec).not.toMatch(/S3_SECRET|AWS_SECRET|volume "/);
    expect(Object.keys(json.resource.terraform_data).join()).not.toContain("nomad-volumes");
  });

  it("refuses a bundle that is none, with the key that names it", () => {
    const bad = (caBundle: string) => () => synth(smallConfig(shared({ caBundle })));
    expect(bad("/nowhere.pem")).toThrow(
      'storage.artifacts.caBundle: found "/nowhere.pem"; expected a PEM file that can be read',
    );
    expect(bad("/etc/hostname")).toThrow("expected a PEM file with a certificate");
  });

  it("hands MLflow's own logins to image, task and check, the passwords as secrets alone", () => {
    const json = synth(smallConfig(basicAuth({ defaultPermission: "EDIT" })));
    const image = resource(json, "docker_image", "server-image");
    expect(image.build.build_args.EXTRAS).toBe("auth");
    const spec = jobspec(json);
    expect(spec).toContain('HOMELAB_AUTH = "basic"');
    expect(spec).toContain('HOMELAB_AUTH_DEFAULT_PERMISSION = "EDIT"');
    expect(spec).toContain('MLFLOW_AUTH_ADMIN_USERNAME = "admin"');
    expect(spec).toContain('HOMELAB_SECRETS = "/secrets/server.json"');
    expect(spec).not.toMatch(/PASSWORD|SECRET_KEY/);
    const check = resource(json, "terraform_data", "deployment-check");
    const { HOMELAB_CHECK } = check.provisioner[0]["local-exec"].environment;
    expect(JSON.parse(HOMELAB_CHECK).login).toEqual({
      username: "admin",
      password: { key: "server.auth.admin.password", source: { env: "ADMIN_PASSWORD" } },
    });
  });

  it("has neither packages nor variables of logins where there are none", () => {
    const json = synth(smallConfig());
    expect(resource(json, "docker_image", "server-image").build.build_args.EXTRAS).toBe("");
    expect(jobspec(json)).not.toContain("AUTH");
  });

  it("has everybody ask below the prefix: clients, Nomad, the check and MLflow itself", () => {
    const json = synth(
      smallConfig({ server: { staticPrefix: "/ml" }, url: "http://mlflow.lan:8080" }),
    );
    expect(json.output.tracking_uri.value).toBe("http://mlflow.lan:8080/ml");
    const spec = jobspec(json);
    expect(spec).toContain('MLFLOW_STATIC_PREFIX = "/ml"');
    expect(spec).toMatch(/path +=\s"\/ml\/health"/);
    expect(spec).toContain('ALLOWED_HOSTS = "mlflow.lan,mlflow.lan:8080"');
    expect(spec).toContain('ORIGINS = "http://mlflow.lan:8080"');
    const check = resource(json, "terraform_data", "deployment-check");
    const { HOMELAB_CHECK } = check.provisioner[0]["local-exec"].environment;
    expect(JSON.parse(HOMELAB_CHECK).url).toBe("http://mlflow.lan:8080/ml");
  });

  it("has the packages of the metrics in the image, and tells the task to expose them", () => {
    const json = synth(smallConfig({ server: { prometheus: true } }));
    const image = resource(json, "docker_image", "server-image");
    expect(image.build.build_args.EXTRAS).toBe("prometheus");
    expect(jobspec(json)).toContain('HOMELAB_PROMETHEUS = "yes"');
    expect(jobspec(synth(smallConfig()))).not.toMatch(/PROMETHEUS|args/);
  });

  it("hands further options to mlflow server", () => {
    const server = { extraArgs: ["--x-frame-options=DENY", "--enable-workspaces"] };
    expect(jobspec(synth(smallConfig({ server })))).toContain(
      'args  = ["--x-frame-options=DENY", "--enable-workspaces"]',
    );
  });

  it("spreads several servers over the clients, and lets Traefik know of healthy ones alone", () => {
    const spec = jobspec(synth(smallConfig({ ...shared(), job: { count: 2 } })));
    expect(spec).toMatch(/count = 2\n/);
    expect(spec).toMatch(/canary +=\s2\n/);
    expect(spec).toContain('attribute = "${node.unique.id}"');
    expect(spec).toContain("mlflow-canary.rule=Host(`mlflow-canary.invalid`)");
    expect(spec).toContain("loadbalancer.healthcheck.path=/health");
  });

  it("stops the old server first where both would have the same port", () => {
    const spec = jobspec(synth(smallConfig({ ...postgresql(), job: { port: 5000 } })));
    expect(spec).toMatch(/canary +=\s0\n/);
  });

  it("renders the seed's job with every option set", async () => {
    const config = smallConfig({
      nomad: { region: "global", datacenters: ["DC0", "DC1"], nodePool: "nas", namespace: "ml" },
      job: {
        priority: 70,
        port: 5000,
        constraints: [{ attribute: "${node.class}", operator: "!=", value: "tiny" }],
      },
      service: { provider: "consul", tags: ["team=ml"] },
      server: { env: { EXTRA: HOSTILE } },
    });
    await expect(jobspec(synth(config))).toMatchFileSnapshot("snapshots/all-options.nomad.hcl");
    await expect(jobspec(synth(smallConfig()))).toMatchFileSnapshot("snapshots/small.nomad.hcl");
  });
});
