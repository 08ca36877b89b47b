/** The DNS record as a deploy makes it: by the real program, with the real Ansible, dnsmasq and Terraform. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Testing } from "cdktf";
import { execa } from "execa";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { checkRecord } from "../../check/record.ts";
import { ROOT } from "../../config/load.ts";
import { DnsRecord, type DnsRecordEntry } from "../../constructs/dns-record.ts";
import { ask } from "../../dns/question.ts";
import { labEnvironment } from "../../lab/environment.ts";
import { labSettings } from "../../lab/settings.ts";
import { readLabState } from "../../lab/state.ts";
import { type FakePihole, startFakePihole } from "../fake-pihole.ts";
import { freePorts } from "./nomad-agent.ts";

const workspace = mkdtempSync(join(tmpdir(), "homelab-dns-test-"));
const records = join(workspace, "records it's");
const pidFile = join(workspace, "pid");
// A path that means something to each language it passes through.
const script = join(
  workspace,
  'it\'s "q" ${x} %{y} {{ 1/0 }} {% raw %} {# c #} `id` $(id)',
  "restart.sh",
);
const restart = ["/bin/sh", script];
const NAME = "mlflow.lan";
let port = 0;

beforeAll(async () => {
  [port = 0] = await freePorts(1);
  mkdirSync(records);
  mkdirSync(dirname(script), { recursive: true });
  writeFileSync(
    join(workspace, "dnsmasq.conf"),
    [
      ...[`port=${port}`, "listen-address=127.0.0.1", "bind-interfaces", "no-resolv", "no-hosts"],
      ...["host-record=traefik.lan,127.0.0.2", "host-record=nas.lan,127.0.0.9"],
      ...[`conf-dir=${records},*.conf`, "user=nobody", `pid-file=${pidFile}`, ""],
    ].join("\n"),
  );
  // As an init system does: it goes into the background by itself, and notes its pid.
  writeFileSync(
    script,
    `test -e '${pidFile}' && kill "$(cat '${pidFile}')" && sleep 0.5\nexec dnsmasq --conf-file='${join(workspace, "dnsmasq.conf")}' 2>/dev/null\n`,
  );
});

beforeEach(async () => {
  rmSync(records, { recursive: true });
  mkdirSync(records);
  await execa("sh", restart.slice(1));
});

afterAll(() => {
  if (existsSync(pidFile)) process.kill(Number(readFileSync(pidFile, "utf8")));
  rmSync(workspace, { recursive: true, force: true });
});

const serverPid = () => readFileSync(pidFile, "utf8");
const server = () => ({ address: "127.0.0.1", port });
const asked = () => ask(server(), NAME);

function entry(more: Partial<DnsRecordEntry> = {}): DnsRecordEntry {
  return {
    name: NAME,
    target: "traefik.lan",
    replace: false,
    server: server(),
    keeper: {
      job: "mlflow",
      host: { name: "dns-server", connection: "local", port: 22, become: false },
      configDir: records,
      restart: { command: restart },
    },
    ...more,
  };
}

function specOf(record: DnsRecordEntry) {
  let made: DnsRecord | undefined;
  Testing.synthScope((scope) => {
    made = new DnsRecord(scope, "dns-record", { root: ROOT, record });
  });
  if (!made?.spec) throw new Error("no record");
  return made.spec;
}

/** The program that Terraform runs. */
async function run(what: "make" | "remove", record = entry()) {
  const { all, exitCode } = await execa("node_modules/.bin/jiti", ["dns/main.ts"], {
    cwd: ROOT,
    env: { HOMELAB_DNS_DO: what, HOMELAB_DNS: JSON.stringify(specOf(record)) },
    all: true,
    reject: false,
  });
  return { output: all.replaceAll('\\"', '"'), exitCode };
}

describe("the playbook of the record", () => {
  it("passes ansible-lint's production profile, and so does its role", async () => {
    const directory = mkdtempSync(join(workspace, "lint-"));
    const { keeper } = specOf(entry());
    if (keeper.kind !== "playbook") throw new Error("no playbook");
    writeFileSync(join(directory, "playbook.yml"), keeper.playbook);
    const result = await execa(
      "ansible-lint",
      ["--profile", "production", "--offline", "--nocolor", "playbook.yml"].concat(
        join(ROOT, "ansible", "roles", "dns_record"),
      ),
      {
        env: { ANSIBLE_CONFIG: join(ROOT, "ansible", "ansible.cfg") },
        cwd: directory,
        reject: false,
        all: true,
      },
    );
    expect(result.all).toMatch(/Passed/);
    expect(result.exitCode).toBe(0);
  });
});

describe("a record in dnsmasq", () => {
  it.each([
    ["traefik.lan", { cname: "traefik.lan", addresses: ["127.0.0.2"] }],
    ["127.0.0.3", { addresses: ["127.0.0.3"] }],
  ])("that points to %s is answered, and no longer after its removal", async (target, answer) => {
    const made = await run("make", entry({ target }));
    expect(made.exitCode, made.output).toBe(0);
    expect(await asked()).toEqual(answer);
    expect(await checkRecord({ server: server(), name: NAME, target })).toBe(answer.addresses[0]);
    const removed = await run("remove", entry({ target }));
    expect(removed.exitCode, removed.output).toBe(0);
    expect(await asked()).toEqual({ addresses: [] });
  });

  it("that is there is left as it is, and the server is not restarted", async () => {
    await run("make");
    const pid = serverPid();
    const again = await run("make");
    expect(again.exitCode).toBe(0);
    expect(again.output).toMatch(/changed=0/);
    expect(serverPid()).toBe(pid);
  });

  it("is read by the server when a run died before the restart", async () => {
    await run("make");
    const file = join(records, "homelab-mlflow.conf");
    const written = readFileSync(file);
    rmSync(file);
    await execa("sh", restart.slice(1));
    writeFileSync(file, written);
    expect(await asked()).toEqual({ addresses: [] });
    expect((await run("make")).exitCode).toBe(0);
    expect(await asked()).toMatchObject({ cname: "traefik.lan" });
  });

  it("with another target is not overwritten", async () => {
    writeFileSync(join(records, "mine.conf"), `cname=${NAME},nas.lan\n`);
    await execa("sh", restart.slice(1));
    const { output, exitCode } = await run("make");
    expect(exitCode).toBe(1);
    expect(output).toContain(
      `error: DNS server at 127.0.0.1:${port}: ${NAME}: found CNAME nas.lan, 127.0.0.9, expected CNAME traefik.lan; set dns.replace to true to replace that record, or remove it there`,
    );
    expect(existsSync(join(records, "homelab-mlflow.conf"))).toBe(false);
  });

  it("that the server would not start with is taken back, and the server goes on", async () => {
    writeFileSync(join(records, "mine.conf"), `cname=${NAME},nas.lan\n`);
    await execa("sh", restart.slice(1));
    const { output, exitCode } = await run("make", entry({ replace: true }));
    expect(exitCode).toBe(1);
    expect(output).toContain("dns-server: the DNS server does not take");
    expect(output).toContain("duplicate CNAME");
    expect(existsSync(join(records, "homelab-mlflow.conf"))).toBe(false);
    expect(await asked()).toMatchObject({ cname: "nas.lan" });
  });

  it("whose target the server does not know is told of by the check", {
    timeout: 60_000,
  }, async () => {
    await run("make", entry({ target: "unknown.lan" }));
    await expect(
      checkRecord({ server: server(), name: NAME, target: "unknown.lan" }),
    ).rejects.toThrow(
      `${NAME}: expected CNAME unknown.lan, found CNAME unknown.lan; it does not know the address of unknown.lan either`,
    );
  });

  it("goes to a directory that is there, or the setting is named", async () => {
    const keeper = { ...entry().keeper, configDir: join(workspace, "missing") };
    const { output, exitCode } = await run("make", entry({ keeper }));
    expect(exitCode).toBe(1);
    expect(output).toContain(
      `dns-server: ${join(workspace, "missing")}: found no directory, expected that of dnsmasq's drop-in files; correct dns.configDir`,
    );
  });

  it("on a machine that is gone is said to be left, and a destroy goes on", async () => {
    const [closed = 0] = await freePorts(1);
    const host = {
      ...{ name: "gone", address: "127.0.0.1", connection: "ssh", port: closed },
      become: true,
    } as const;
    const keeper = { ...entry().keeper, host } as DnsRecordEntry["keeper"];
    const { output, exitCode } = await run("remove", entry({ keeper }));
    expect(exitCode).toBe(0);
    expect(output).toContain(
      `warning: gone:${records}/homelab-mlflow.conf: Ansible can't reach the DNS server's machine, so the record of ${NAME} is still there; remove that file by hand and restart the DNS server`,
    );
  });
});

describe("Terraform, with a Pi-hole (a fake of one)", () => {
  const stack = join(workspace, "stack");
  const password = "app-password-of-a-test";
  let pihole: FakePihole;

  beforeEach(async () => {
    pihole = await startFakePihole({ password });
    mkdirSync(stack, { recursive: true });
  });
  afterEach(() => pihole.close());

  async function terraform(command: "apply" | "destroy", record?: DnsRecordEntry, env = {}) {
    const json = Testing.synthScope((scope) => {
      new DnsRecord(scope, "dns-record", { root: ROOT, record });
    });
    writeFileSync(join(stack, "main.tf.json"), json);
    const lab = labEnvironment(readLabState(labSettings())).env;
    const options = {
      cwd: stack,
      env: { ...lab, PIHOLE_PASSWORD: password, ...env },
      all: true,
      reject: false,
    } as const;
    const binary = lab.TERRAFORM_BINARY_NAME ?? "terraform";
    await execa(binary, ["init", "-input=false"], options);
    const args = [command, "-input=false", "-auto-approve", "-no-color"];
    const { all, exitCode } = await execa(binary, args, options);
    return { output: all, exitCode };
  }
  const kept = (target: string): DnsRecordEntry =>
    entry({ target, keeper: { piholeUrl: pihole.url } });

  it("makes the record, moves it, removes it, and never learns the password", async () => {
    const made = await terraform("apply", kept("traefik.lan"));
    expect(made.exitCode, made.output).toBe(0);
    expect(pihole.records.cnameRecords).toEqual([`${NAME},traefik.lan`]);

    expect((await terraform("apply", kept("traefik.lan"))).output).toContain("No changes.");

    expect((await terraform("apply", kept("10.0.0.2"))).exitCode).toBe(0);
    expect(pihole.records).toEqual({ cnameRecords: [], hosts: [`10.0.0.2 ${NAME}`] });

    // dns.provider is "none" from now on.
    expect((await terraform("apply")).exitCode).toBe(0);
    expect(pihole.records.hosts).toEqual([]);

    await terraform("apply", kept("traefik.lan"));
    const destroyed = await terraform("destroy", kept("traefik.lan"));
    expect(destroyed.exitCode, destroyed.output).toBe(0);
    expect(pihole.records.cnameRecords).toEqual([]);

    for (const file of ["terraform.tfstate", "terraform.tfstate.backup", "main.tf.json"])
      expect(readFileSync(join(stack, file), "utf8")).not.toContain(password);
    expect(made.output + destroyed.output).not.toContain(password);
  });

  it("stops at a password that is refused, and goes on from there", async () => {
    const refused = await terraform("apply", kept("traefik.lan"), { PIHOLE_PASSWORD: "wrong" });
    expect(refused.exitCode).not.toBe(0);
    expect(refused.output).toContain("it refuses the password in PIHOLE_PASSWORD");
    expect((await terraform("apply", kept("traefik.lan"))).exitCode).toBe(0);
    expect(pihole.records.cnameRecords).toEqual([`${NAME},traefik.lan`]);
    await terraform("destroy", kept("traefik.lan"));
  });

  it("goes on with a destroy when the Pi-hole is gone, and says what is left", async () => {
    await terraform("apply", kept("traefik.lan"));
    const record = kept("traefik.lan");
    await pihole.close();
    const { output, exitCode } = await terraform("destroy", record);
    expect(exitCode, output).toBe(0);
    expect(output).toContain("warning: Pi-hole at");
    expect(output).toContain(`the record of ${NAME} (CNAME traefik.lan) is still there`);
  });
});
