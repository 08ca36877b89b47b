/** Writes and runs the playbook of the volumes, as a deploy does. */
import { existsSync, mkdtempSync } from "node:fs";
import { join } from "node:path";
import { Testing } from "cdktf";
import { execa } from "execa";
import { ROOT } from "../../config/load.ts";
import { NomadVolumes, type NomadVolumesProps } from "../../constructs/nomad-volumes.ts";
import { sshServerProgram } from "../tools.ts";

export const ANSIBLE_CONFIG = join(ROOT, "ansible", "ansible.cfg");

/** This machine, as a client. */
export const LOCAL = { name: "here", connection: "local", port: 22, become: true } as const;

const which = async (command: string) =>
  (await execa("which", [command], { reject: false })).stdout || undefined;

/** What the tests run, where it is on this machine. */
export const tools = {
  ansible: await which("ansible-playbook"),
  lint: await which("ansible-lint"),
  terraform: (await which("terraform")) ?? (await which("tofu")),
  nomad: process.env.HOMELAB_TEST_NOMAD || (await which("nomad")),
  sshd: existsSync(sshServerProgram()) ? sshServerProgram() : undefined,
  root: process.getuid?.() === 0,
};

/** Prints what is missing, if anything. */
export function skipWithout(what: Record<string, unknown>): boolean {
  const missing = Object.keys(what).filter((each) => !what[each]);
  if (missing.length > 0) console.log(`skipped: needs ${missing.join(", ")}`);
  return missing.length > 0;
}

export type Changes = Partial<Omit<NomadVolumesProps, "volumes">> & {
  /** Directories by the names of their volumes. */
  volumes?: Record<string, string>;
};

/** Writes playbook, inventory and drop-in into a new folder of the workspace. */
export function generate(workspace: string, { volumes = {}, ...changes }: Changes): NomadVolumes {
  let made: NomadVolumes | undefined;
  Testing.synthScope((scope) => {
    made = new NomadVolumes(scope, "volumes", {
      root: ROOT,
      job: "mlflow",
      uid: 1000,
      gid: 1000,
      clients: [LOCAL],
      nomadClient: {
        configDir: "/etc/nomad.d",
        address: "http://127.0.0.1:4646",
        restart: { service: "nomad" },
      },
      directory: mkdtempSync(join(workspace, "generated-")),
      ...changes,
      volumes: Object.entries(volumes).map(([name, path]) => ({
        name,
        source: { directory: path },
        mode: "0750",
      })),
    });
  });
  if (!made) throw new Error("nothing was generated");
  return made;
}

export interface Run {
  readonly code: number | undefined;
  readonly output: string;
  /** Of each host, what the recap counts. */
  readonly recap: Record<string, Record<string, number>>;
}

export async function run(
  { files }: Pick<NomadVolumes, "files">,
  args: string[] = [],
  env: Record<string, string> = {},
): Promise<Run> {
  const result = await execa(
    "ansible-playbook",
    ["--inventory", files.inventory, files.playbook, ...args],
    { env: { ANSIBLE_CONFIG, ...env }, reject: false, all: true },
  );
  const recap: Run["recap"] = {};
  for (const [, host = "", counts = ""] of result.all.matchAll(/^(\S+) +: (ok=.*)$/gm))
    recap[host] = Object.fromEntries(
      [...counts.matchAll(/(\w+)=(\d+)/g)].map(([, key, count]) => [key, Number(count)]),
    );
  const output = result.all.replaceAll('\\"', '"').replace(/[ \t]+/g, " ");
  return { code: result.exitCode, output, recap };
}
