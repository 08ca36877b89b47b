/** A machine that a generated playbook is run on. */
export interface AnsibleHost {
  /** Name in the inventory and in messages: a hostname. */
  readonly name: string;
  /**
   * Address to connect to.
   * @default the name
   */
  readonly address?: string;
  /** "local" when the playbook runs on the machine itself. */
  readonly connection: "ssh" | "local";
  /** SSH port. */
  readonly port: number;
  /**
   * SSH user.
   * @default ssh's own
   */
  readonly user?: string;
  /**
   * SSH private key file, absolute.
   * @default ssh's own
   */
  readonly privateKey?: string;
  /**
   * File with the machine's host key, absolute.
   * @default ssh's own
   */
  readonly knownHosts?: string;
  /** Use sudo on the machine. */
  readonly become: boolean;
}

/** What templates/inventory-host.yml.hbs reads of a machine. */
export function inventoryHost(host: AnsibleHost) {
  const { name, connection, become, address, port, user, privateKey, knownHosts } = host;
  const ssh = {
    address: address ?? name,
    port,
    user: user ?? null,
    privateKey: privateKey ?? null,
    // Beside what ansible.cfg says. ssh reads a file's name up to a blank, so it is in quotes.
    extraArgs: knownHosts ? `-o 'UserKnownHostsFile="${knownHosts}"'` : null,
  };
  return { name, connection, become, ssh: connection === "ssh" ? ssh : null };
}
