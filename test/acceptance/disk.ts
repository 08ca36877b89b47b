/** The disk from which all machines start, made once from Debian's packages. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { chmod, mkdir, mkdtemp, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { installedProgram } from "../../lab/debian-packages.ts";
import { nomadBinary } from "../../lab/nomad-binary.ts";
import type { Work } from "../../lab/work.ts";
import { MACHINE_NAMES, type MachineSettings } from "./settings.ts";

const FILES = fileURLToPath(new URL("root", import.meta.url));
const CUSTOMIZE = fileURLToPath(new URL("customize.sh", import.meta.url));

const PACKAGES = [
  ...["linux-image-cloud-amd64", "systemd", "systemd-sysv", "dbus", "udev", "kmod", "procps"],
  ...["iproute2", "iptables", "iputils-ping", "usr-is-merged", "ca-certificates", "e2fsprogs"],
  "busybox-static",
  // What a homelab's machine has.
  ...["openssh-server", "sudo", "python3", "python3-apt", "docker.io", "nfs-common"],
  ...["nfs-kernel-server", "curl", "jq", "sqlite3"],
];

const RECIPE = [
  ...["--variant=minbase", "--format=directory"],
  `--include=${PACKAGES.join(",")}`,
  "--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr",
  ...["doc", "man", "locale", "info", "lintian"].map(
    (folder) => `--dpkgopt=path-exclude=/usr/share/${folder}/*`,
  ),
];

const ROOT_SIZE = "8G";

/** The files of a root disk. Nothing writes to them: each machine has an overlay of its own. */
export interface RootDisk {
  readonly folder: string;
  /** A raw image of one ext4 file system. */
  readonly image: string;
  readonly kernel: string;
  readonly initrd: string;
  /** The key that lets the user `ansible` in. */
  readonly privateKey: string;
  /** Public host keys, as in known_hosts(5) without the name. */
  readonly hostKeys: Readonly<Record<string, string>>;
  /** Version of the nomad command in it. */
  readonly nomad: string;
}

/**
 * The root disk, made when it is not there yet: two minutes.
 *
 * @throws LabError or ExecaError when Debian's packages or Nomad can't be had
 */
export async function ensureRootDisk(settings: MachineSettings, work: Work): Promise<RootDisk> {
  const nomad = await nomadBinary(work);
  const folder = join(settings.cacheDir, await contentKey(nomad.path));
  const files = {
    folder,
    image: join(folder, "root.img"),
    kernel: join(folder, "vmlinuz"),
    initrd: join(folder, "initrd.img"),
    privateKey: join(folder, "id_ed25519"),
    nomad: nomad.source.version,
  };
  if (!(await exists(folder))) await build(folder, nomad.path, work);
  const hostKeys: Record<string, string> = {};
  for (const machine of MACHINE_NAMES)
    hostKeys[machine] = (await readFile(join(folder, `${machine}.pub`), "utf8")).trim();
  return { ...files, hostKeys };
}

/** A file system on a disk image that holds a copy of a folder; the image takes what is used. */
export async function makeDisk(image: string, size: string, from: string): Promise<void> {
  await execa("/usr/sbin/mke2fs", ["-q", "-F", "-t", "ext4", "-m", "0", "-d", from, image, size]);
}

async function build(folder: string, nomad: string, work: Work): Promise<void> {
  const remedy = "install mmdebstrap";
  const mmdebstrap = await installedProgram("mmdebstrap", ["mmdebstrap"], remedy, work);
  // A folder that apt's own user may look into, which the cache may not be.
  const temporary = await mkdtemp(join(tmpdir(), "homelab-mlflow-"));
  const unfinished = `${folder}.${process.pid}`;
  try {
    await chmod(temporary, 0o755);
    await mkdir(unfinished, { recursive: true, mode: 0o700 });
    for (const key of ["id_ed25519", ...MACHINE_NAMES])
      await execa("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", key, "-f", key], {
        cwd: unfinished,
      });
    work.say("making a root disk from Debian's packages: two minutes, once");
    const root = join(temporary, "root");
    await execa(mmdebstrap, [...RECIPE, `--customize-hook=${CUSTOMIZE}`, "bookworm", root], {
      // customize.sh makes a smaller initrd than the kernel's package would.
      env: { INITRD: "No", TMPDIR: temporary, FILES, NOMAD: nomad, OUTPUT: unfinished },
      cancelSignal: work.signal,
      forceKillAfterDelay: 20_000,
    });
    await makeDisk(join(unfinished, "root.img"), ROOT_SIZE, root);
    await rename(unfinished, folder);
  } finally {
    await rm(temporary, { recursive: true, force: true });
    await rm(unfinished, { recursive: true, force: true });
  }
}

async function contentKey(nomad: string): Promise<string> {
  const hash = createHash("sha256").update(`${RECIPE.join(" ")} ${ROOT_SIZE}`);
  for (const name of (await readdir(FILES, { recursive: true })).sort()) {
    const path = join(FILES, name);
    if ((await stat(path)).isFile()) hash.update(`${name}\0`).update(await readFile(path));
  }
  hash.update(await readFile(CUSTOMIZE));
  await pipeline(createReadStream(nomad), hash, { end: false });
  return hash.digest("hex").slice(0, 16);
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
