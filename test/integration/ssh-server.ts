import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { execa } from "execa";
import { freePorts } from "./nomad-agent.ts";

/** An OpenSSH server of a test's own, on loopback, for the user that runs the test. */
export interface SshServer {
  readonly port: number;
  readonly privateKey: string;
  /** Holds its host key, and nobody else's. */
  readonly knownHosts: string;
  stop(): Promise<void>;
}

/** @param sshd absolute path of the server: it insists on that */
export async function startSshServer(sshd: string, directory: string): Promise<SshServer> {
  const [port = 0] = await freePorts(1);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  mkdirSync("/run/sshd", { recursive: true });
  const file = (name: string) => join(directory, name);
  for (const key of ["host", "user"])
    await execa("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", file(key)]);
  const publicKey = async (key: string) => (await execa("cat", [file(`${key}.pub`)])).stdout;
  writeFileSync(file("known_hosts"), `[127.0.0.1]:${port} ${await publicKey("host")}\n`);
  writeFileSync(file("authorized_keys"), `${await publicKey("user")}\n`);
  const settings = {
    ListenAddress: "127.0.0.1",
    Port: port,
    HostKey: file("host"),
    AuthorizedKeysFile: file("authorized_keys"),
    PidFile: "none",
    PasswordAuthentication: "no",
    PermitRootLogin: "prohibit-password",
    // The directory is below /tmp, which anybody may write to.
    StrictModes: "no",
  };
  writeFileSync(
    file("sshd_config"),
    Object.entries(settings)
      .map(([key, value]) => `${key} ${value}\n`)
      .join(""),
  );
  const server = execa(sshd, ["-D", "-e", "-f", file("sshd_config")], { reject: false });
  await setTimeout(1000);
  return {
    port,
    privateKey: file("user"),
    knownHosts: file("known_hosts"),
    async stop() {
      server.kill();
      await server;
    },
  };
}
