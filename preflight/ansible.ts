import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import type { HomelabConfig } from "../config/schema.ts";
import { run } from "./run.ts";

const TIMEOUT_S = 8;

type Client = HomelabConfig["clients"][number];

/** Is Ansible installed, and does each Nomad client let us in, as root where asked for? */
export async function probeAnsible({ ansible, clients }: HomelabConfig): Promise<string[]> {
  if (!ansible.run || clients.length === 0) return [];
  const found = await Promise.all(
    clients.map((client, index) =>
      probeMachine(client, `client ${client.name}`, `clients[${index}]`),
    ),
  );
  // One client that is away is no reason to stop: what nothing changes on needs no client, and the
  // playbook prepares the others and then fails, naming it.
  const told = found.every((each) => each) ? found : found.filter((each) => !each?.away);
  return [
    ...probeAnsibleCommand("set ansible.run to false"),
    ...told.flatMap((each) => each?.text ?? []),
  ];
}

/** What ssh says of a machine that is off or cut off, unlike one that refuses us. */
const AWAY = /timed out|Connection refused|No route to host|unreachable|Could not resolve/;

/** Why a machine does not let us in. */
export interface MachineProblem {
  readonly text: string;
  /** It can't be reached at all, and may be back in a moment. */
  readonly away?: boolean;
}

/** @param otherwise what can be done without it, if anything */
export function probeAnsibleCommand(otherwise?: string): string[] {
  // That it is there is enough: to ask its version takes a second.
  if (isOnPath("ansible-playbook")) return [];
  return [
    `ansible-playbook: not found; install Ansible (Debian: apt-get install ansible; else pipx install ansible-core)${otherwise ? `, or ${otherwise}` : ""}`,
  ];
}

/**
 * Does a machine let us in, as root where asked for?
 *
 * @param what how it is called, such as "client m700"
 * @param setting where it is in the config, such as "clients[0]"
 */
export async function probeMachine(
  client: Client,
  what: string,
  setting: string,
): Promise<MachineProblem | undefined> {
  const sudo = client.become ? ["sudo", "-n", "true"] : ["true"];
  if (client.connection === "local") {
    if (process.getuid?.() === 0 || !client.become) return undefined;
    const { code } = await run("sudo", ["-n", "true"], TIMEOUT_S);
    if (code === 0) return undefined;
    const found =
      code === "ENOENT"
        ? "sudo: command not found here; run as root, or install it"
        : `sudo wants a password here; run as root, or set ${setting}.become`;
    return { text: `${what}: ${found}` };
  }
  // ssh would go on without it.
  if (client.privateKey && !existsSync(client.privateKey))
    return { text: `${what}: no such file: ${client.privateKey}; set ${setting}.privateKey` };
  const address = client.address ?? client.name;
  const options = ["-o", "BatchMode=yes", "-o", `ConnectTimeout=${TIMEOUT_S}`];
  const login = [
    ...["-p", String(client.port)],
    ...(client.user ? ["-l", client.user] : []),
    ...(client.privateKey ? ["-i", client.privateKey] : []),
    ...(client.knownHosts ? ["-o", `UserKnownHostsFile="${client.knownHosts}"`] : []),
  ];
  const args = [...options, ...login, "--", address, ...sudo];
  const { code, stderr } = await run("ssh", args, TIMEOUT_S + 4);
  if (code === 0) return undefined;
  if (code === "ENOENT") return { text: "ssh: command not found; install an ssh client" };
  const silent = `no answer in ${TIMEOUT_S + 4} s`;
  const said = stderr.split("\n").at(-1)?.trim() || silent;
  // 255 is ssh's own failure, anything else the remote command's.
  if (code === 255 || typeof code === "string")
    return {
      text: `${what}: ssh to ${address}:${client.port}: ${said}; set ${setting}`,
      away: said === silent || AWAY.test(said),
    };
  return {
    text: `${what}: ${client.user ?? "the ssh user"} can't become root without a password: ${said}; allow it in sudoers, or set ${setting}.user`,
  };
}

function isOnPath(command: string): boolean {
  const folders = (process.env.PATH ?? "").split(delimiter);
  return folders.some((folder) => existsSync(join(folder, command)));
}
