/** What a synth writes, read by the tools that will read it. */
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { beforeAll, describe, expect, it } from "vitest";
import { ROOT } from "../../config/load.ts";
import { labEnvironment } from "../../lab/environment.ts";
import { labSettings } from "../../lab/settings.ts";
import { readLabState } from "../../lab/state.ts";
import { Checkout } from "../checkout.ts";
import { makeAuthority } from "../tls-front.ts";
import { testToolsDirectory } from "../tools.ts";
import {
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
    ["small", managed()],
    ["on a network of its own", managed({ hostNetwork: "private", port: 15432 })],
  ])("of a PostgreSQL that the deploy runs, %s, is valid for nomad", async (_, more) => {
    const job = await parsedJob(jobspec(synth(smallConfig(more)), "postgresql_job"));
    expect(job.ID).toBe("mlflow-postgresql");
    const [task] = job.TaskGroups[0].Tasks;
    expect(task).toMatchObject({ KillSignal: "SIGINT", User: "1000:1000" });
    const [start] = task.Templates.map((each: { EmbeddedTmpl: string }) => each.EmbeddedTmpl);
    expect(start).toBe(readFileSync(join(ROOT, "postgresql", "start.sh"), "utf8"));
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
    await execa("shellcheck", ["image/entrypoint.sh", "postgresql/start.sh", ".ci/run"], {
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
