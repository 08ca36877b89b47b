import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import type { HomelabConfig } from "../config/schema.ts";
import { run } from "./run.ts";

const TIMEOUT_S = 8;

type Client = HomelabConfig["clients"][number];

/** Is Ansible installed, and does each Nomad client let us in, as root where asked for? */
export async function probeAnsible({ ansible, clients }: HomelabConfig): Promise<string[]> {
  if (!ansible.run) return [];
  const problems = await Promise.all([probeCommand(), ...clients.map(probeClient)]);
  return problems.flat();
}

function probeCommand(): string[] {
  // That it is there is enough: to ask its version takes a second.
  if (isOnPath("ansible-playbook")) return [];
  return [
    "ansible-playbook: not found; install Ansible (Debian: apt-get install ansible; else pipx install ansible-core), or set ansible.run to false",
  ];
}

async function probeClient(client: Client, index: number): Promise<string[]> {
  const setting = `clients[${index}]`;
  const sudo = client.become ? ["sudo", "-n", "true"] : ["true"];
  if (client.connection === "local") {
    if (process.getuid?.() === 0 || !client.become) return [];
    const { code } = await run("sudo", ["-n", "true"], TIMEOUT_S);
    return code !== 0
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
  const args = [...options, ...login, "--", address, ...sudo];
  const { code, stderr } = await run("ssh", args, TIMEOUT_S + 4);
  if (code === 0) return [];
  if (code === "ENOENT") return ["ssh: command not found; install an ssh client"];
  const said = stderr.split("\n").at(-1)?.trim() || `no answer in ${TIMEOUT_S + 4} s`;
  // 255 is ssh's own failure, anything else the remote command's.
  if (code === 255 || typeof code === "string")
    return [`client ${client.name}: ssh to ${address}:${client.port}: ${said}; set ${setting}`];
  return [
    `client ${client.name}: ${client.user ?? "the ssh user"} can't become root without a password: ${said}; allow it in sudoers, or set ${setting}.user`,
  ];
}

function isOnPath(command: string): boolean {
  const folders = (process.env.PATH ?? "").split(delimiter);
  return folders.some((folder) => existsSync(join(folder, command)));
}
