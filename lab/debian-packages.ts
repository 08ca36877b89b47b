import { readdirSync } from "node:fs";
import { ExecaError, execa } from "execa";
import { labErrors, lastLines } from "./errors.ts";
import { onPath } from "./on-path.ts";
import type { Work } from "./work.ts";

const LISTS = "/var/lib/apt/lists";

/**
 * The full path of a program, which is installed from Debian's packages when it is missing.
 *
 * @param remedy what the reader can do where there is no apt-get
 * @throws LabError when it is missing and can't be installed
 */
export async function installedProgram(
  program: string,
  packages: readonly string[],
  remedy: string,
  work: Work,
): Promise<string> {
  const found = onPath(program);
  if (found) return found;
  if (!onPath("apt-get")) throw labErrors.toolMissing(program, "there is no apt-get", remedy);
  await aptInstall(packages, work);
  const installed = onPath(program);
  if (!installed)
    throw labErrors.toolMissing(program, `${packages.join(", ")} did not bring it`, remedy);
  return installed;
}

/** Installs Debian packages. @throws LabError when they can't be */
export async function aptInstall(packages: readonly string[], work: Work): Promise<void> {
  await aptGet(["install", "--yes", "--no-install-recommends"], packages, work);
}

/** Downloads a Debian package into a folder, without installing it. */
export async function downloadPackage(name: string, folder: string, work: Work): Promise<void> {
  await aptGet(["download"], [name], work, folder);
}

async function aptGet(
  command: readonly string[],
  packages: readonly string[],
  work: Work,
  folder = "/",
): Promise<void> {
  const line = `apt-get ${command[0]} ${packages.join(" ")}`;
  let updated = false;
  try {
    if (!hasLists()) {
      updated = true;
      await run(["update"], folder, work, "apt-get update");
    }
    try {
      await run([...command, ...packages], folder, work, line);
    } catch (error) {
      // Old lists name packages that the mirror has since replaced.
      if (updated || !(error instanceof ExecaError)) throw error;
      await run(["update"], folder, work, "apt-get update");
      await run([...command, ...packages], folder, work, line);
    }
  } catch (error) {
    if (!(error instanceof ExecaError)) throw error;
    throw labErrors.packagesFailed(packages, lastLines(String(error.stderr)));
  }
}

async function run(
  args: readonly string[],
  cwd: string,
  { signal, say }: Work,
  line: string,
): Promise<void> {
  signal.throwIfAborted();
  say(line);
  // Another apt-get may be at work, such as Debian's own unattended upgrades.
  await execa("apt-get", ["-q", "-o", "DPkg::Lock::Timeout=300", ...args], {
    env: { DEBIAN_FRONTEND: "noninteractive" },
    cwd,
    stdin: "ignore",
    // Out of reach of Ctrl-C: a package left half installed is worse than a minute's wait.
    detached: true,
  });
  signal.throwIfAborted();
}

function hasLists(): boolean {
  try {
    return readdirSync(LISTS).some(
      (file) => file.endsWith("_Packages") || /_Packages\./.test(file),
    );
  } catch {
    return false;
  }
}
