/** What a synth writes, read by the tools that will read it. */
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { beforeAll, describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { checkConfig } from "../../config/check.ts";
import { ROOT } from "../../config/load.ts";
import { filesJob } from "../../files/job.ts";
import { labEnvironment } from "../../lab/environment.ts";
import { labSettings } from "../../lab/settings.ts";
import { readLabState } from "../../lab/state.ts";
import { sweepVolume } from "../../sweep/files-job.ts";
import { readInput } from "../../sweep/input.ts";
import { sweepJob } from "../../sweep/job.ts";
import { sweepWork } from "../../sweep/runner.ts";
import { Checkout } from "../checkout.ts";
import { makeAuthority } from "../tls-front.ts";
import { testToolsDirectory } from "../tools.ts";
import {
  filesVolume,
  HOSTILE,
  jobspec,
  managed,
  nfsVolumes,
  serverTls,
  shared,
  smallConfig,
  synth,
  tandem,
} from "../unit/synth.ts";

const settings = labSettings();
const state = readLabState(settings);
const folder = mkdtempSync(join(tmpdir(), "homelab-rendered-"));

const hostile = smallConfig({
  server: { env: { HOSTILE } },
  service: { tags: [HOSTILE], provider: "consul" },
  job: { constraints: [{ attribute: "${node.class}", operator: "!=", value: HOSTILE }] },
  traefik: {
    rule: HOSTILE.replaceAll("\n", " "),
    basicAuth: { usersFile: '/etc/it\'s "q" ${x} %{y} `id`' },
  },
  dns: {
    provider: "dnsmasq",
    target: "traefik.lan",
    host: { name: "router" },
    configDir: '/etc/it\'s "q" ${x} %{y} `id`',
    restart: { command: ["/bin/${x}", "{{ 1/0 }}", "%{if true}"] },
  },
});

async function parsedJob(text: string) {
  const file = join(folder, "job.nomad.hcl");
  writeFileSync(file, text);
  const env = { NOMAD_ADDR: `http://127.0.0.1:${settings.ports.nomadHttp}` };
  const nomad = state?.nomadBinary ?? "nomad";
  await execa(nomad, ["job", "validate", file], { env });
  const { stdout } = await execa(nomad, ["job", "run", "-output", file], { env });
  return JSON.parse(stdout).Job;
}

describe("the jobspec", () => {
  it.each([
    ["small", smallConfig()],
    ["with every text hostile", hostile],
    ["of two servers on PostgreSQL and S3", smallConfig({ ...shared(), job: { count: 2 } })],
    ["with a server for artifacts alone", smallConfig(tandem())],
  ])("%s is valid for nomad", async (_, config) => {
    const job = await parsedJob(jobspec(synth(config)));
    expect(job.ID).toBe("mlflow");
  });

  it("with https by the server itself is valid for nomad, and asks it by TLS", async () => {
    const { certificate } = await (await makeAuthority()).issue("DNS:mlflow.lan");
    const job = await parsedJob(jobspec(synth(smallConfig(serverTls(certificate)))));
    const [check] = job.TaskGroups[0].Services[0].Checks;
    expect(check).toMatchObject({ Protocol: "https", TLSSkipVerify: true, Path: "/health" });
  });

  it.each([
    ["PostgreSQL, small,", "postgresql", "SIGINT", {}],
    [
      "PostgreSQL, on a network of its own,",
      "postgresql",
      "SIGINT",
      { hostNetwork: "private", port: 15432 },
    ],
    ["MariaDB", "mysql", "SIGTERM", {}],
  ] as const)(
    "of a %s that the deploy runs is valid for nomad",
    async (_, kind, KillSignal, more) => {
      const json = synth(smallConfig(managed(more, kind)));
      const job = await parsedJob(jobspec(json, `${kind}_job`));
      expect(job.ID).toBe(`mlflow-${kind}`);
      const [task] = job.TaskGroups[0].Tasks;
      expect(task).toMatchObject({ KillSignal, User: "1000:1000" });
      const files = task.Templates.map((each: { EmbeddedTmpl: string }) => each.EmbeddedTmpl);
      for (const [index, name] of ["start.sh", `${kind}.sh`, `${kind}.sql`].entries())
        expect(files[index]).toBe(readFileSync(join(ROOT, "database", name), "utf8"));
    },
  );

  it("of the file server is valid for nomad, and has the server and no token in it", async () => {
    const config = checkConfig(smallConfig(filesVolume()), "homelab.config.ts");
    const target = { region: "global", namespace: "default" };
    const job = await parsedJob(filesJob("homelab-files-1a2b", config, target, "python:3.12"));
    const [group] = job.TaskGroups;
    expect(group.Volumes.files).toMatchObject({ Type: "host", Source: "mlflow-files" });
    const templates: { DestPath: string; EmbeddedTmpl: string }[] = group.Tasks[0].Templates;
    const server = templates.find(({ DestPath }) => DestPath === "local/server/serve.py");
    const file = join(ROOT, "files", "server", "serve.py");
    expect(server?.EmbeddedTmpl).toBe(readFileSync(file, "utf8"));
    const token = templates.find(({ DestPath }) => DestPath === "secrets/token");
    expect(token).toMatchObject({
      EmbeddedTmpl:
        '{{ with nomadVar "nomad/jobs/homelab-files-1a2b/files/server" }}{{ .token }}{{ end }}',
      Uid: 1000,
      Perms: "0400",
    });
    expect(group.Tasks[0].User).toBe("1000:1000");
  });

  it("of a sweep with files is valid for nomad, and mounts the volume as its owner", async () => {
    const config = checkConfig(smallConfig(filesVolume()), "homelab.config.ts");
    const options = { name: "mine", filestore: ["data"] };
    const input = readInput(["true"], options, config.sweep, true);
    const volume = sweepVolume(input, config);
    const target = { region: "global", namespace: "default" };
    const job = await parsedJob(
      sweepJob(sweepWork(input, {}, volume), config, target, { tasks: "python:3.12" }),
    );
    const [group] = job.TaskGroups;
    expect(group.Volumes.files).toMatchObject({ Type: "host", Source: "mlflow-files" });
    expect(group.Tasks[0]).toMatchObject({
      User: "1000:1000",
      VolumeMounts: [{ Volume: "files", Destination: "/scratch/filestores", ReadOnly: false }],
      Env: { SWEEP_NODE: "${node.unique.name}" },
    });
    expect(job.Meta.homelab_mlflow_sweep_kept).toBe("true");
  });

  it("hands hostile texts to Nomad as they were written", async () => {
    const job = await parsedJob(jobspec(synth(hostile)));
    const [group] = job.TaskGroups;
    expect(group.Tasks[0].Env.HOSTILE).toBe(HOSTILE);
    expect(group.Services[0].Tags).toContain(HOSTILE);
    expect(group.Services[0].Tags).toContain(
      `traefik.http.routers.mlflow.rule=${HOSTILE.replaceAll("\n", " ")}`,
    );
    expect(job.Constraints).toEqual([
      { LTarget: "${node.class}", Operand: "!=", RTarget: HOSTILE },
    ]);
  });

  it("has its server stopped by a client that is cut off where another client may start one", async () => {
    const group = async (clients: { name: string }[]) => {
      const config = smallConfig({ volumes: nfsVolumes(), clients });
      return (await parsedJob(jobspec(synth(config)))).TaskGroups[0];
    };
    expect((await group([{ name: "a" }, { name: "b" }])).Disconnect).toMatchObject({
      StopOnClientAfter: 30e9,
    });
    expect((await group([{ name: "a" }])).Disconnect).toBeNull();
  });

  it("has the seed's numbers by default", async () => {
    const job = await parsedJob(jobspec(synth(smallConfig())));
    const [group] = job.TaskGroups;
    const [task] = group.Tasks;
    expect(group.Name).toBe("svc");
    expect(task.Resources).toMatchObject({ CPU: 200, MemoryMB: 512 });
    expect(group.RestartPolicy).toMatchObject({ Attempts: 5, Delay: 30e9 });
    expect(group.Networks[0].DynamicPorts).toMatchObject([{ Label: "mlflow_http", To: 5000 }]);
    expect(group.Update ?? job.Update).toMatchObject({ AutoRevert: true, Canary: 0 });
  });
});

describe("the job of a sweep", () => {
  it("with sidecars is valid for nomad, and has hostile texts as they were written", async () => {
    const config = checkConfig(smallConfig(), "homelab.config.ts");
    const file = join(folder, "sidecars.yaml");
    const mlflow = { image: "mlflow", command: ["serve", HOSTILE], ports: [5000, 80] };
    writeFileSync(file, stringify({ mlflow: { ...mlflow, env: { HOSTILE } } }));
    const options = { name: "mine", sidecarSpec: file, ntasks: "3" };
    const input = readInput(["true"], options, config.sweep);
    const target = { region: "global", namespace: "default" };
    const images = { tasks: "python:3.12", tracker: "registry.lan/sweep:1" };
    const job = await parsedJob(sweepJob(sweepWork(input, {}), config, target, images));
    const [tasks, tracker] = job.TaskGroups;
    expect([tasks.Name, tasks.Count, tracker.Name, tracker.Count]).toEqual([
      ...["sweep", 3, "tracker", 1],
    ]);
    expect(tracker.Networks[0].DynamicPorts).toMatchObject([{ To: 5000 }, { To: 80 }]);
    const [sidecar, ready, watch] = tracker.Tasks;
    expect(sidecar.Lifecycle).toEqual({ Hook: "prestart", Sidecar: true });
    expect(sidecar.Config).toMatchObject({ command: "serve", args: [HOSTILE] });
    expect(sidecar.Env.HOSTILE).toBe(HOSTILE);
    expect(ready.Lifecycle).toEqual({ Hook: "prestart", Sidecar: false });
    const script = readFileSync(join(ROOT, "sweep", "sidecars", "tracker.py"), "utf8");
    for (const task of [ready, watch]) expect(task.Templates[0].EmbeddedTmpl).toBe(script);
    expect(watch.Services.map(({ Name }: { Name: string }) => Name)).toEqual([
      "mine-5000",
      "mine-80",
    ]);
  });
});

describe("the Terraform configuration", () => {
  let checkout: Checkout;
  beforeAll(async () => {
    checkout = await Checkout.create("rendered");
    checkout.write("examples/hostile.ts", `export default ${JSON.stringify(hostile)}`);
    checkout.write("examples/embedded.ts", checkout.read("homelab.config.ts"));
  });

  const examples = readdirSync(join(ROOT, "examples"));
  it.each([...examples, "hostile.ts", "embedded.ts"])(
    "of examples/%s is valid",
    async (example) => {
      const out = join(folder, example);
      const { env } = labEnvironment(state);
      await execa("node_modules/.bin/jiti", ["lab/app.ts"], {
        cwd: checkout.directory,
        env: { HOMELAB_CONFIG: join("examples", example), CDKTF_OUTDIR: out },
      });
      const terraform = (...args: string[]) =>
        execa(env.TERRAFORM_BINARY_NAME ?? "terraform", args, {
          cwd: join(out, "stacks/mlflow"),
          env,
        });
      await terraform("init", "-backend=false", "-input=false");
      await terraform("validate");
    },
  );
});

describe("the scripts", () => {
  it("of the image and of CI pass shellcheck", async () => {
    const starts = ["start.sh", "postgresql.sh", "mysql.sh"].map((name) => `database/${name}`);
    await execa("shellcheck", ["image/entrypoint.sh", ...starts, ".ci/run"], {
      cwd: ROOT,
    });
  });

  it("that make the images pass hadolint", async () => {
    const files = ["image/Dockerfile", "sweep/image/Dockerfile"];
    await execa(join(testToolsDirectory(), "hadolint"), files, { cwd: ROOT });
  });

  it("name no package registry's host", async () => {
    const { stdout } = await execa("git", ["ls-files"], { cwd: ROOT, lines: true });
    const hosts = ["registry.npmjs", "pypi.org", "pythonhosted", "proxy.golang", "deb.debian"];
    const naming = stdout.filter(
      (file) =>
        !file.endsWith("rendered-files.test.ts") &&
        hosts.some((host) => readFileSync(join(ROOT, file), "utf8").includes(host)),
    );
    expect(naming).toEqual([]);
  });
});
