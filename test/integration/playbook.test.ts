import {
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { Testing } from "cdktf";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ROOT } from "../../config/load.ts";
import { NomadVolumes } from "../../constructs/nomad-volumes.ts";
import { freePorts, type NomadAgent, startNomadAgent } from "./nomad-agent.ts";
import {
  ANSIBLE_CONFIG,
  type Changes,
  generate,
  LOCAL,
  run,
  skipWithout,
  tools,
} from "./playbook.ts";
import { type SshServer, startSshServer } from "./ssh-server.ts";

const { ansible, lint, nomad, root, sshd, terraform } = tools;
const HOSTILE = 'it\'s "q" ${x} %{y} $${z} {{ 1/0 }} {% raw %} {# c #} `id` $(id) \\n ü';

const workspace = mkdtempSync(join(tmpdir(), "homelab-playbook-"));
afterAll(() => rmSync(workspace, { recursive: true, force: true }));

describe.skipIf(skipWithout({ "ansible-playbook": ansible }))("the generated playbook", () => {
  test("is valid for Ansible, whatever the user's texts are", async () => {
    for (const text of ["ordinary", HOSTILE]) {
      const generated = generate(workspace, {
        volumes: { one: `/srv/${text}/one` },
        nomadClient: {
          configDir: `/etc/${text}`,
          address: "http://127.0.0.1:4646",
          restart: { command: [text, text] },
        },
        clients: [{ ...LOCAL, connection: "ssh", user: text, privateKey: `/keys/${text}` }],
      });
      expect(await run(generated, ["--syntax-check"])).toMatchObject({ code: 0 });
      const { stdout } = await execa(
        "ansible",
        ["here", "--inventory", generated.files.inventory, "--connection", "local", "-m"].concat([
          "ansible.builtin.debug",
          "-a",
          "msg={{ [volume_directories_volumes[0].path, nomad_host_volumes_config_dir, nomad_host_volumes_restart_command[1], ansible_user] | to_json }}",
          "-e",
          "ansible_connection=local",
        ]),
        { env: { ANSIBLE_CONFIG, ANSIBLE_CALLBACK_RESULT_FORMAT: "json" } },
      );
      const printed = JSON.parse(stdout.slice(stdout.indexOf("{"))) as { msg: unknown };
      const read = typeof printed.msg === "string" ? JSON.parse(printed.msg) : printed.msg;
      expect(read).toEqual([`/srv/${text}/one`, `/etc/${text}`, text, text]);
    }
  });

  test.skipIf(skipWithout({ "ansible-lint": lint }))(
    "passes ansible-lint's production profile, and so do the roles",
    async () => {
      const { files } = generate(workspace, { volumes: { one: "/srv/one" } });
      const roles = ["volume_directories", "nomad_host_volumes", "nfs_mounts", "dns_record"];
      const result = await execa(
        "ansible-lint",
        ["--profile", "production", "--offline", "--nocolor", files.playbook].concat(
          roles.map((role) => join(ROOT, "ansible", "roles", role)),
        ),
        { env: { ANSIBLE_CONFIG }, cwd: workspace, reject: false, all: true },
      );
      expect(result.all).toMatch(/Passed/);
      expect(result.exitCode).toBe(0);
    },
  );
});

describe.skipIf(skipWithout({ terraform }))("the provisioner", () => {
  test("hands hostile paths to ansible-playbook as they are", async () => {
    const directory = join(workspace, HOSTILE);
    const stack = join(workspace, "stack");
    const seen = join(workspace, "seen");
    mkdirSync(stack);
    // Stands in for Ansible: what matters here is what it is given.
    const bin = join(workspace, "bin");
    mkdirSync(bin);
    writeFileSync(
      join(bin, "ansible-playbook"),
      `#!/bin/sh\nprintf '%s\\0' "$ANSIBLE_CONFIG" "$@" >"${seen}"\n`,
      { mode: 0o755 },
    );
    const synthesised = Testing.synthScope((scope) => {
      new NomadVolumes(scope, "volumes", {
        root: ROOT,
        job: "mlflow",
        uid: 1000,
        gid: 1000,
        volumes: [],
        clients: [LOCAL],
        nomadClient: { configDir: "/c", address: "http://127.0.0.1:1", restart: { service: "n" } },
        directory,
      });
    });
    writeFileSync(join(stack, "main.tf.json"), synthesised);
    const env = { PATH: `${bin}:${process.env.PATH}`, TF_IN_AUTOMATION: "1" };
    await execa(terraform ?? "", ["init", "-input=false"], { cwd: stack, env });
    await execa(terraform ?? "", ["apply", "-input=false", "-auto-approve"], { cwd: stack, env });
    expect(readFileSync(seen, "utf8").split("\0").slice(0, -1)).toEqual([
      ANSIBLE_CONFIG,
      "--inventory",
      join(directory, "inventory.yml"),
      join(directory, "playbook.yml"),
    ]);
    const plan = await execa(terraform ?? "", ["plan", "-input=false", "-detailed-exitcode"], {
      cwd: stack,
      env,
      reject: false,
    });
    expect(plan.exitCode).toBe(0);
  });
});

describe.skipIf(skipWithout({ "ansible-playbook": ansible, nomad, root }))(
  "on a real Nomad client",
  () => {
    let agent: NomadAgent;
    const data = join(workspace, "data");
    const paths = {
      "backend-store": join(data, HOSTILE, "backend"),
      artifacts: join(data, "artifacts"),
    };
    const settings = () => ({
      configDir: agent.configDir,
      address: agent.address,
      restart: { command: agent.restart },
    });
    const dropIn = () => join(agent.configDir, "homelab-mlflow-volumes.hcl");
    const playbook = (changes: Changes = {}) =>
      generate(workspace, { volumes: paths, nomadClient: settings(), ...changes });

    beforeAll(async () => {
      agent = await startNomadAgent(nomad ?? "", workspace);
    });
    afterAll(() => agent?.stop());

    test("a check shows what would be done, and does nothing", async () => {
      const pid = agent.pid();
      const { code, output, recap } = await run(playbook(), ["--check", "--diff"]);
      expect(code, output).toBe(0);
      expect(recap.here?.changed).toBeGreaterThan(0);
      expect(output).toContain('+ host_volume "backend-store" {');
      expect(output).toContain("+artifacts");
      expect(existsSync(data)).toBe(false);
      expect(existsSync(dropIn())).toBe(false);
      expect(agent.pid()).toBe(pid);
    });

    test("the first run makes the volumes, and the node lists them", async () => {
      const { code, output, recap } = await run(playbook(), [], {
        NOMAD_TOKEN: "a-token-of-the-deployer",
      });
      expect(code, output).toBe(0);
      expect(recap.here?.changed).toBeGreaterThan(0);
      expect(output).not.toContain("a-token-of-the-deployer");
      expect(await agent.hostVolumes()).toEqual(paths);
      for (const [name, path] of Object.entries(paths)) {
        const { uid, gid, mode } = statSync(path);
        expect({ uid, gid, mode: mode & 0o7777 }).toEqual({ uid: 1000, gid: 1000, mode: 0o750 });
        expect(readFileSync(join(path, ".homelab-volume"), "utf8").split("\n")[0]).toBe(name);
      }
      expect(statSync(data)).toMatchObject({ uid: 0, gid: 0 });
    });

    test("the second run changes nothing and restarts nothing", async () => {
      const pid = agent.pid();
      const { code, output, recap } = await run(playbook());
      expect(code, output).toBe(0);
      expect(recap.here?.changed).toBe(0);
      expect(agent.pid()).toBe(pid);
    });

    test("a run that died before the restart is finished by the next", async () => {
      const written = readFileSync(dropIn());
      rmSync(dropIn());
      await execa(agent.restart[0] ?? "", agent.restart.slice(1));
      await expect.poll(() => agent.hostVolumes(), { timeout: 120_000 }).toEqual({});
      writeFileSync(dropIn(), written, { mode: 0o644 });
      const { code, output } = await run(playbook());
      expect(code, output).toBe(0);
      expect(output).toContain("here: the Nomad agent has not read");
      expect(await agent.hostVolumes()).toEqual(paths);
    });

    test("an agent that is down is started again", async () => {
      await agent.stop();
      const { code, output } = await run(playbook());
      expect(code, output).toBe(0);
      expect(output).toContain("here: the Nomad agent does not answer; it is restarted");
      expect(await agent.hostVolumes()).toEqual(paths);
    });

    test("the owners of data are left as they are", async () => {
      const file = join(paths.artifacts, "model");
      writeFileSync(file, "weights", { mode: 0o600 });
      const { code, recap } = await run(playbook());
      expect(code).toBe(0);
      expect(recap.here?.changed).toBe(0);
      expect(statSync(file)).toMatchObject({ uid: 0, gid: 0 });
    });

    test("the directory of another volume is refused, before anything is touched", async () => {
      const before = readFileSync(dropIn(), "utf8");
      const other = join(workspace, "untouched");
      const { code, output, recap } = await run(
        playbook({ volumes: { new: other, other: paths.artifacts } }),
      );
      expect(code).toBe(2);
      expect(recap.here).toMatchObject({ changed: 0, failed: 1 });
      expect(output).toContain(
        `here: ${paths.artifacts}/.homelab-volume: found "artifacts", expected "other": this directory belongs to another volume`,
      );
      expect(existsSync(other)).toBe(false);
      expect(readFileSync(dropIn(), "utf8")).toBe(before);
    });

    test("a directory that had a sentinel and has none any more is refused", async () => {
      for (const [name, path] of Object.entries(paths)) {
        const sentinel = join(path, ".homelab-volume");
        const saved = join(workspace, `saved-${name}`);
        cpSync(sentinel, saved);
        rmSync(sentinel);
        const { code, output, recap } = await run(playbook());
        expect(code).toBe(2);
        expect(recap.here).toMatchObject({ changed: 0, failed: 1 });
        expect(output).toContain(`found no .homelab-volume, but this directory was prepared`);
        expect(existsSync(sentinel)).toBe(false);
        cpSync(saved, sentinel);
      }
    });

    test("a directory with data that has no sentinel yet is taken over, and that is said", async () => {
      const mine = join(workspace, "mine");
      mkdirSync(mine);
      chownSync(mine, 1000, 1000);
      writeFileSync(join(mine, "mlflow.db"), "");
      const { code, output } = await run(playbook({ volumes: { ...paths, mine } }));
      expect(code, output).toBe(0);
      expect(output).toContain(`here: ${mine}: holds data and had no sentinel; taken over`);
      expect(readFileSync(join(mine, ".homelab-volume"), "utf8")).toMatch(/^mine\n/);
      expect(await agent.hostVolumes()).toEqual({ ...paths, mine });
    });

    test("somebody else's data is not taken over, and stays as it is", async () => {
      const theirs = join(workspace, "theirs");
      mkdirSync(theirs);
      writeFileSync(join(theirs, "letter"), "");
      chownSync(theirs, 4321, 4321);
      const { code, output, recap } = await run(playbook({ volumes: { ...paths, theirs } }));
      expect(code).toBe(2);
      expect(recap.here).toMatchObject({ changed: 0, failed: 1 });
      expect(output).toContain(`here: ${theirs}: found data that belongs to uid 4321`);
      expect(statSync(theirs).uid).toBe(4321);
    });

    test("a configuration directory that is missing, or that the agent does not read, is refused", async () => {
      const unread = join(workspace, "unread");
      mkdirSync(unread);
      writeFileSync(join(unread, "client.hcl"), "client {}\n");
      const missing = await run(
        playbook({ nomadClient: { ...settings(), configDir: join(workspace, "missing") } }),
      );
      expect(missing.code).toBe(2);
      expect(missing.output).toContain(
        `here: ${join(workspace, "missing")}: found nothing, expected the directory that the Nomad agent reads; correct nomadClient.configDir`,
      );
      const wrong = await run(playbook({ nomadClient: { ...settings(), configDir: unread } }));
      expect(wrong.code).toBe(2);
      expect(wrong.output).toContain(`here: ${unread}: the Nomad agent does not read this`);
      expect(wrong.output).toContain(join(agent.configDir, "agent.hcl"));
      expect(existsSync(join(unread, basename(dropIn())))).toBe(false);
    });

    test("a drop-in that Nomad does not accept is not put in place", async () => {
      const pid = agent.pid();
      const before = readFileSync(dropIn(), "utf8");
      const broken = playbook();
      writeFileSync(broken.files.volumes.here ?? "", "client {\n");
      const { code, output } = await run(broken, ["-e", `nomad_host_volumes_nomad=${nomad}`]);
      expect(code).toBe(2);
      expect(output).toContain("failed to validate");
      expect(readFileSync(dropIn(), "utf8")).toBe(before);
      expect(agent.pid()).toBe(pid);
    });

    test("an agent that does not come back is named, with where to look", async () => {
      const [port = 0] = await freePorts(1);
      const { code, output } = await run(
        playbook({
          nomadClient: {
            ...settings(),
            address: `http://127.0.0.1:${port}`,
            restart: { command: ["true"] },
          },
        }),
        ["-e", "nomad_host_volumes_timeout=4"],
      );
      expect(code).toBe(2);
      expect(output).toContain(
        `here: http://127.0.0.1:${port}: the Nomad agent did not answer within 4 s`,
      );
      expect(output).toContain("see its log");
    });

    test("a client that can't be reached is named, and the other is prepared", async () => {
      const [port = 0] = await freePorts(1);
      const gone = { name: "gone", address: "127.0.0.1", connection: "ssh", become: true } as const;
      const { code, output, recap } = await run(
        playbook({ clients: [{ ...gone, port }, LOCAL], volumes: paths }),
      );
      expect(code).toBe(4);
      expect(output).toMatch(/fatal: \[gone\]: UNREACHABLE!/);
      expect(recap).toMatchObject({
        gone: { unreachable: 1 },
        here: { unreachable: 0, failed: 0 },
      });
      expect(await agent.hostVolumes()).toMatchObject(paths);
    });

    describe.skipIf(skipWithout({ sshd }))("over ssh", () => {
      let ssh: SshServer;
      beforeAll(async () => {
        ssh = await startSshServer(sshd ?? "", join(workspace, "ssh"));
      });
      afterAll(() => ssh?.stop());
      const client = () => ({
        name: "remote",
        address: "127.0.0.1",
        connection: "ssh" as const,
        port: ssh.port,
        user: "root",
        privateKey: ssh.privateKey,
        become: true,
      });
      const known = (file: string) => ({
        // No connection that another run has left open.
        ANSIBLE_SSH_ARGS: "-o ControlMaster=no -o ControlPath=none",
        ANSIBLE_SSH_EXTRA_ARGS: `-o UserKnownHostsFile=${file} -o GlobalKnownHostsFile=/dev/null`,
      });

      test("the run does the same", async () => {
        const { code, output, recap } = await run(
          playbook({ clients: [client()] }),
          [],
          known(ssh.knownHosts),
        );
        expect(code, output).toBe(0);
        expect(recap.remote).toMatchObject({ changed: 0, failed: 0, unreachable: 0 });
      });

      test("an unknown host key is refused without a question", async () => {
        const { code, output } = await run(
          playbook({ clients: [client()] }),
          [],
          known("/dev/null"),
        );
        expect(code).toBe(4);
        expect(output).toContain("Host key verification failed");
      });
    });
  },
);
