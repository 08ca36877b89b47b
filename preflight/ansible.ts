import { execa } from "execa";
import type { HomelabConfig } from "../config/schema.ts";

const TIMEOUT_S = 8;

type Client = HomelabConfig["clients"][number];

/** Is Ansible installed, and does each Nomad client let us in, as root where asked for? */
export async function probeAnsible({ ansible, clients }: HomelabConfig): Promise<string[]> {
  if (!ansible.run) return [];
  const problems = await Promise.all([probeCommand(), ...clients.map(probeClient)]);
  return problems.flat();
}

async function probeCommand(): Promise<string[]> {
  const asked = await execa("ansible-playbook", ["--version"], { reject: false });
  if (!asked.failed) return [];
  return [
    "ansible-playbook: not found; install Ansible (Debian: apt-get install ansible; else pipx install ansible-core), or set ansible.run to false",
  ];
}

async function probeClient(client: Client, index: number): Promise<string[]> {
  const setting = `clients[${index}]`;
  const sudo = client.become ? ["sudo", "-n", "true"] : ["true"];
  if (client.connection === "local") {
    if (process.getuid?.() === 0 || !client.become) return [];
    const asked = await execa("sudo", ["-n", "true"], { reject: false });
    return asked.failed
      ? [`client ${client.name}: sudo wants a password here; run as root, or set ${setting}.become`]
      : [];
  }
  const address = client.address ?? client.name;
  const options = ["-o", "BatchMode=yes", "-o", `ConnectTimeout=${TIMEOUT_S}`];
  const login = [
    ...["-p", String(client.port)],
    ...(client.user ? ["-l", client.user] : []),
    ...(client.privateKey ? ["-i", client.privateKey] : []),
  ];
  const asked = await execa("ssh", [...options, ...login, "--", address, ...sudo], {
    reject: false,
    stdin: "ignore",
    timeout: (TIMEOUT_S + 4) * 1000,
  });
  if (!asked.failed) return [];
  const said =
    String(asked.stderr ?? "")
      .trim()
      .split("\n")
      .at(-1)
      ?.trim() || asked.shortMessage;
  // 255 is ssh's own failure, anything else the remote command's.
  if (asked.exitCode === 255 || asked.exitCode === undefined)
    return [`client ${client.name}: ssh to ${address}:${client.port}: ${said}; set ${setting}`];
  return [
    `client ${client.name}: ${client.user ?? "the ssh user"} can't become root without a password: ${said}; allow it in sudoers, or set ${setting}.user`,
  ];
}
