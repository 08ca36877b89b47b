import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { UserError } from "../config/errors.ts";
import type { PlaybookKeeper } from "./spec.ts";

/** ansible-playbook's exit code when a host could not be reached: lib/ansible/executor. */
const UNREACHABLE = 4;

export interface RecordVariables {
  readonly state: "present" | "absent";
  /** Restart the server even when the file was as it should be. */
  readonly restart?: boolean;
}

/**
 * Runs the record's playbook; what it prints is passed on.
 *
 * @throws UserError when there is no Ansible
 */
export async function runRecordPlaybook(
  { playbook, inventory }: PlaybookKeeper,
  { state, restart = false }: RecordVariables,
): Promise<{ code: number; unreachable: boolean }> {
  const directory = mkdtempSync(join(tmpdir(), "homelab-dns-"));
  const write = (name: string, content: string) => {
    writeFileSync(join(directory, name), content);
    return join(directory, name);
  };
  const variables = JSON.stringify({ dns_record_state: state, dns_record_restart: restart });
  const args = [
    ...["--inventory", write("inventory.yml", inventory)],
    ...["--extra-vars", variables],
    write("playbook.yml", playbook),
  ];
  try {
    const code = await new Promise<number>((resolve, reject) => {
      const child = spawn("ansible-playbook", args, {
        env: {
          ...process.env,
          ANSIBLE_CONFIG: join(process.cwd(), "ansible", "ansible.cfg"),
          PYTHONUNBUFFERED: "1",
        },
        stdio: ["ignore", "inherit", "inherit"],
      });
      child.on("error", reject);
      child.on("close", (code) => resolve(code ?? 1));
    });
    return { code, unreachable: code === UNREACHABLE };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    throw new UserError(["ansible-playbook: not found; install Ansible, which dns needs"]);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
