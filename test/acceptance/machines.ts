/** Three virtual machines on this one: a NAS and two Nomad clients, the first a server too. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { accessSync, constants, existsSync, readFileSync } from "node:fs";
import { mkdir, open, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";
import { installedProgram } from "../../lab/debian-packages.ts";
import { lastLines } from "../../lab/errors.ts";
import { lockLab } from "../../lab/lock.ts";
import { isPortTaken, portHolder } from "../../lab/ports.ts";
import {
  identify,
  isRunning,
  type ProcessIdentity,
  signalProcess,
  waitForEnd,
} from "../../lab/processes.ts";
import type { Work } from "../../lab/work.ts";
import { writeWhole } from "../../lab/write-file.ts";
import { ensureRootDisk, makeDisk, type RootDisk } from "./disk.ts";
import { makeDockerDisk } from "./docker-disk.ts";
import { qmp } from "./qmp.ts";
import {
  LAN,
  MACHINE_NAMES,
  type MachineName,
  type MachineSettings,
  machineSettings,
} from "./settings.ts";
import { type SshOptions, type SshResult, type SshTarget, ssh, waitForSsh } from "./ssh.ts";

/** Administratively scoped, and sent on the loopback interface alone: RFC 2365. */
const LAN_GROUP = "239.77.0.1";

/** MiB; taken from the host as the machine touches it. */
const MEMORY: Readonly<Record<MachineName, number>> = { nas: 512, client1: 2048, client2: 2048 };

const NAS_SIZE = "4G";

/** Seconds for which an emulated machine may boot on a busy host. */
export const BOOT_PATIENCE = 300;

/** One machine: on and off, its network cable, and what can be asked of it. */
export class Machine {
  readonly name: MachineName;
  readonly ssh: SshTarget;
  private readonly settings: MachineSettings;
  private readonly disk: RootDisk;
  /** Image of a second disk, /dev/vdb. A qcow2 image is known by its name. */
  private readonly second: string | undefined;

  constructor(
    name: MachineName,
    settings: MachineSettings,
    disk: RootDisk,
    second: string | undefined,
  ) {
    this.name = name;
    this.settings = settings;
    this.disk = disk;
    this.second = second;
    this.ssh = {
      name,
      port: settings.ports.ssh[name],
      user: "ansible",
      privateKey: disk.privateKey,
      knownHosts: knownHostsFile(settings),
    };
  }

  /** Address in the network that the machines share. */
  get address(): string {
    return LAN[this.name];
  }

  /** All that the machine's kernel and systemd have printed. */
  get consoleLog(): string {
    return join(this.settings.dir, `${this.name}.console.log`);
  }

  get isOn(): boolean {
    return this.process() !== undefined;
  }

  /** MiB of the host's memory that the machine takes now. */
  get hostMemory(): number {
    const running = this.process();
    if (!running) return 0;
    const status = readFileSync(`/proc/${running.pid}/status`, "utf8");
    return Math.round(Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) / 1024);
  }

  /**
   * Switches the machine on, unless it is; returns while it boots. It ends with this process, however
   * that ends, unless HOMELAB_KEEP_LAB is 1.
   */
  async on(): Promise<void> {
    if (this.isOn) return;
    const { dir, runDir } = this.settings;
    await mkdir(runDir, { recursive: true });
    for (const port of this.ports()) await checkPort(this.name, port.host);
    await rm(this.monitor, { force: true });
    if (!existsSync(this.overlay)) await makeOverlay(this.disk.image, this.overlay);
    const logPath = join(dir, `${this.name}.qemu.log`);
    const log = await open(logPath, "a");
    try {
      const program = ["qemu-system-x86_64", ...this.qemuArguments()];
      const keep = process.env.HOMELAB_KEEP_LAB === "1";
      const bound = keep ? program : ["setpriv", "--pdeathsig", "KILL", "--", ...program];
      const child = spawn(String(bound[0]), bound.slice(1), {
        // Ctrl-C is for the tests, which stop their machines themselves.
        detached: true,
        stdio: ["ignore", log.fd, log.fd],
        cwd: dir,
      });
      await once(child, "spawn");
      child.unref();
      const identity = identify(child.pid as number);
      if (identity) writeWhole(this.pidFile, JSON.stringify(identity));
      for (let tries = 100; ; tries -= 1) {
        if (!identity || !isRunning(identity))
          throw new Error(`${this.name}: qemu ended: ${lastLines(readFileSync(logPath, "utf8"))}`);
        if (existsSync(this.monitor)) return;
        if (tries === 0) throw new Error(`${this.name}: qemu has no monitor after 10 s`);
        await sleep(100);
      }
    } finally {
      await log.close();
    }
  }

  /** Switches the machine on and waits until it lets one in. Says in how many seconds it did. */
  async boot(patience = BOOT_PATIENCE): Promise<number> {
    const start = Date.now();
    await this.on();
    await this.waitForSsh(patience);
    return (Date.now() - start) / 1000;
  }

  /** Pulls the plug. What the machine had not written to its disks is lost. */
  async off(): Promise<void> {
    const running = this.process();
    if (!running) return;
    signalProcess(running, "SIGKILL");
    if (!(await waitForEnd(running, 20)))
      throw new Error(`${this.name}: qemu (pid ${running.pid}) does not end`);
    await rm(this.pidFile, { force: true });
    await rm(this.monitor, { force: true });
  }

  /** Has the machine shut down in order. */
  async shutDown(patience = BOOT_PATIENCE): Promise<void> {
    const running = this.process();
    if (!running) return;
    await this.exec("sudo systemctl poweroff", { reject: false });
    if (!(await waitForEnd(running, patience)))
      throw new Error(`${this.name}: does not shut down in ${patience} s, see ${this.consoleLog}`);
    await this.off();
  }

  /** Has the machine reboot in order, and waits until it lets one in again. */
  async reboot(patience = BOOT_PATIENCE): Promise<void> {
    const before = await this.bootId();
    await this.exec("sudo systemctl reboot", { reject: false });
    await this.waitForNextBoot(before, patience);
  }

  /** Presses the reset button, and waits until the machine lets one in again. */
  async reset(patience = BOOT_PATIENCE): Promise<void> {
    const before = await this.bootId();
    await qmp(this.monitor, "system_reset");
    await this.waitForNextBoot(before, patience);
  }

  /** Pulls the cable to the other machines. ssh from the host goes another way and still works. */
  async cutLink(): Promise<void> {
    await qmp(this.monitor, "set_link", { name: "lan", up: false });
  }

  async restoreLink(): Promise<void> {
    await qmp(this.monitor, "set_link", { name: "lan", up: true });
  }

  /** Lets the machine stand still, as one whose disk hangs; it goes on where it was. */
  async pause(): Promise<void> {
    await qmp(this.monitor, "stop");
  }

  async resume(): Promise<void> {
    await qmp(this.monitor, "cont");
  }

  /** Runs a line of shell as `ansible`, who may sudo. */
  exec(command: string, options?: SshOptions): Promise<SshResult> {
    return ssh(this.ssh, command, options);
  }

  waitForSsh(patience = BOOT_PATIENCE): Promise<void> {
    return waitForSsh(this.ssh, patience);
  }

  /** Differs after each boot. */
  async bootId(): Promise<string> {
    return (await this.exec("cat /proc/sys/kernel/random/boot_id")).stdout.trim();
  }

  private async waitForNextBoot(before: string, patience: number): Promise<void> {
    const deadline = Date.now() + patience * 1000;
    for (;;) {
      const { stdout, exitCode } = await this.exec("cat /proc/sys/kernel/random/boot_id", {
        reject: false,
        seconds: 30,
      });
      if (exitCode === 0 && stdout.trim() !== before) return;
      if (Date.now() > deadline)
        throw new Error(`${this.name}: no new boot in ${patience} s, see ${this.consoleLog}`);
      await sleep(1000);
    }
  }

  private process(): ProcessIdentity | undefined {
    if (!existsSync(this.pidFile)) return undefined;
    const recorded: ProcessIdentity = JSON.parse(readFileSync(this.pidFile, "utf8"));
    return isRunning(recorded) ? recorded : undefined;
  }

  private get overlay(): string {
    return join(this.settings.dir, `${this.name}.qcow2`);
  }

  private get pidFile(): string {
    return join(this.settings.dir, `${this.name}.pid.json`);
  }

  private get monitor(): string {
    return join(this.settings.runDir, `${this.name}.sock`);
  }

  /** Ports of the host's loopback, and where in the machine they lead. */
  private ports(): { host: number; guest: string }[] {
    const { ports } = this.settings;
    const forwarded = [{ host: ports.ssh[this.name], guest: ":22" }];
    if (this.name === "client1") forwarded.push({ host: ports.nomad, guest: ":4646" });
    if (this.name === "nas") forwarded.push({ host: ports.http, guest: ":80" });
    // Nomad binds the ports of a job to the address in the network of the machines.
    if (this.name !== "nas")
      forwarded.push({ host: ports.mlflow[this.name], guest: `${this.address}:5000` });
    return forwarded;
  }

  private qemuArguments(): string[] {
    const number = MACHINE_NAMES.indexOf(this.name) + 1;
    const { lan, registry } = this.settings.ports;
    const forwards = this.ports().map(
      ({ host, guest }) => `hostfwd=tcp:127.0.0.1:${host}-${guest}`,
    );
    const wanted = this.name === "nas" ? ["nfs-server.service"] : [`registry@${registry}.socket`];
    if (this.name !== "nas" && this.second) wanted.push("var-lib-docker.mount");
    const disks = [this.overlay, ...(this.second ? [this.second] : [])];
    const kernelLine = [
      "console=ttyS0 loglevel=4 systemd.show_status=auto panic=5 fsck.mode=skip net.ifnames=0",
      // Without AppArmor, for whose tools Docker asks. The mitigations protect nobody here.
      "lsm=landlock,yama mitigations=off random.trust_cpu=on tsc=reliable",
      // What else an emulated processor offers, udev would load the modules of.
      "module_blacklist=kvm_amd,kvm,powernow_k8,aesni_intel,cryptd,button,ghash_clmulni_intel",
      `systemd.hostname=${this.name}`,
      `systemd.machine_id=${String(number).repeat(32)}`,
      ...wanted.map((unit) => `systemd.wants=${unit}`),
    ];
    return [
      ...["-name", this.name, "-no-user-config", "-nodefaults", "-display", "none"],
      ...accelerators().flatMap((each) => ["-accel", each]),
      ...["-machine", "q35", "-cpu", "max", "-smp", "1", "-m", String(MEMORY[this.name])],
      ...["-rtc", "base=utc", "-device", "virtio-rng-pci"],
      ...["-qmp", `unix:${this.monitor},server=on,wait=off`],
      ...["-chardev", `file,id=console,path=${this.consoleLog},append=on`],
      ...["-serial", "chardev:console"],
      ...["-kernel", this.disk.kernel, "-initrd", this.disk.initrd],
      ...["-append", kernelLine.join(" ")],
      ...disks.flatMap((image) => [
        "-drive",
        `file=${image},if=virtio,format=${image.endsWith(".qcow2") ? "qcow2" : "raw"}`,
      ]),
      ...["-netdev", ["user,id=user,ipv6=off", ...forwards].join(",")],
      ...["-device", `virtio-net-pci,netdev=user,mac=52:54:00:00:00:0${number},romfile=`],
      ...["-netdev", `socket,id=lan,mcast=${LAN_GROUP}:${lan},localaddr=127.0.0.1`],
      ...["-device", `virtio-net-pci,netdev=lan,mac=52:54:00:77:00:0${number},romfile=`],
    ];
  }
}

/** The three machines. */
export class Machines {
  readonly settings: MachineSettings;
  readonly nas: Machine;
  readonly client1: Machine;
  readonly client2: Machine;
  private readonly release: () => void;

  private constructor(
    settings: MachineSettings,
    disk: RootDisk,
    withImages: boolean,
    release: () => void,
  ) {
    this.settings = settings;
    this.release = release;
    const docker = (name: MachineName) => (withImages ? dockerOverlay(settings, name) : undefined);
    this.nas = new Machine("nas", settings, disk, nasImage(settings));
    this.client1 = new Machine("client1", settings, disk, docker("client1"));
    this.client2 = new Machine("client2", settings, disk, docker("client2"));
  }

  /**
   * Three new machines, switched off: what earlier ones wrote is gone.
   *
   * @param images that the clients' Docker finds pulled, see makeDockerDisk. Default: none.
   * @throws LabError when something that they need can't be had, or another run uses them
   */
  static async create(
    work: Pick<Work, "signal" | "say">,
    images: readonly string[] = [],
    settings: MachineSettings = machineSettings(),
  ): Promise<Machines> {
    // Killed, vitest leaves its workers to themselves; this one would hold on to its machines.
    process.once("disconnect", () => process.exit(1));
    const { dir } = settings;
    const labWork = { ...work, settings: settings.lab };
    await mkdir(dir, { recursive: true });
    const release = lockLab({ ...settings.lab, dir, lockFile: `${dir}.lock.json` });
    try {
      await installPrograms(labWork);
      const disk = await ensureRootDisk(settings, labWork);
      const machines = new Machines(settings, disk, images.length > 0, release);
      await machines.allOff();
      await rm(dir, { recursive: true, force: true });
      await mkdir(dir, { recursive: true });
      await writeFile(knownHostsFile(settings), knownHosts(settings, disk));
      await makeNasImage(settings);
      if (images.length > 0) {
        const image = join(dir, "docker.img");
        await makeDockerDisk(image, disk, images, work);
        for (const client of ["client1", "client2"] as const)
          await makeOverlay(image, dockerOverlay(settings, client));
      }
      return machines;
    } catch (error) {
      release();
      throw error;
    }
  }

  /** HTTP API of the Nomad server, from this machine. */
  get nomadAddress(): string {
    return `http://127.0.0.1:${this.settings.ports.nomad}`;
  }

  get all(): readonly Machine[] {
    return [this.nas, this.client1, this.client2];
  }

  /** Switches all on and waits until they let one in. Says in how many seconds each did. */
  async boot(): Promise<Record<string, number>> {
    const seconds = await Promise.all(
      this.all.map(async (machine) => [machine.name, await machine.boot()] as const),
    );
    return Object.fromEntries(seconds);
  }

  /** Pulls all plugs and deletes the disks; with HOMELAB_KEEP_LAB=1 all stays as it is. */
  async remove(): Promise<void> {
    try {
      if (process.env.HOMELAB_KEEP_LAB === "1") return;
      await this.allOff();
      await rm(this.settings.dir, { recursive: true, force: true });
      await rm(this.settings.runDir, { recursive: true, force: true });
    } finally {
      this.release();
    }
  }

  /**
   * Copies a folder of the NAS's disk to the host, with its owners, as it would be found after a
   * boot. The NAS is to be off.
   *
   * @param folder on the disk, such as "/backend"
   */
  async copyFromNasDisk(folder: string, to: string): Promise<void> {
    if (this.nas.isOn) throw new Error("nas: its disk changes while it is on");
    const copy = join(this.settings.dir, "nas.copy.img");
    try {
      await execa("cp", ["--sparse=always", nasImage(this.settings), copy]);
      // 1: errors were corrected. The journal is replayed, as by the kernel.
      const { exitCode, stdout } = await execa("/usr/sbin/e2fsck", ["-f", "-y", copy], {
        reject: false,
      });
      if (exitCode !== 0 && exitCode !== 1) throw new Error(`e2fsck: ${lastLines(stdout)}`);
      await mkdir(to, { recursive: true });
      await execa("/usr/sbin/debugfs", ["-R", `rdump ${folder} ${to}`, copy]);
    } finally {
      await rm(copy, { force: true });
    }
  }

  private async allOff(): Promise<void> {
    await Promise.all(this.all.map((machine) => machine.off()));
  }
}

/** KVM where the processor has it: a /dev/kvm alone may belong to one that runs no ordinary kernel. */
export function accelerators(): string[] {
  const emulated = "tcg,thread=multi";
  try {
    accessSync("/dev/kvm", constants.R_OK | constants.W_OK);
    const flags = /^flags\s*:.*\b(vmx|svm)\b/m.test(readFileSync("/proc/cpuinfo", "utf8"));
    return flags ? ["kvm", emulated] : [emulated];
  } catch {
    return [emulated];
  }
}

async function installPrograms(work: Work): Promise<void> {
  const remedy = "install QEMU, or leave the acceptance tests out";
  await installedProgram("qemu-system-x86_64", ["qemu-system-x86"], remedy, work);
  await installedProgram("qemu-img", ["qemu-utils"], remedy, work);
  await installedProgram("ssh", ["openssh-client"], "install an ssh client", work);
  await installedProgram("mke2fs", ["e2fsprogs"], "install e2fsprogs", work);
}

async function makeOverlay(base: string, overlay: string): Promise<void> {
  await execa("qemu-img", ["create", "-q", "-f", "qcow2", "-b", base, "-F", "raw", overlay]);
}

async function makeNasImage(settings: MachineSettings): Promise<void> {
  const content = join(settings.dir, "nas");
  for (const folder of ["backend", "artifacts"])
    await mkdir(join(content, folder), { recursive: true });
  await makeDisk(nasImage(settings), NAS_SIZE, content);
  await rm(content, { recursive: true });
}

function nasImage(settings: MachineSettings): string {
  return join(settings.dir, "nas.img");
}

function dockerOverlay(settings: MachineSettings, client: MachineName): string {
  return join(settings.dir, `${client}.docker.qcow2`);
}

function knownHostsFile(settings: MachineSettings): string {
  return join(settings.dir, "known_hosts");
}

function knownHosts(settings: MachineSettings, { hostKeys }: RootDisk): string {
  const line = (name: MachineName) => `[127.0.0.1]:${settings.ports.ssh[name]} ${hostKeys[name]}\n`;
  return MACHINE_NAMES.map(line).join("");
}

async function checkPort(machine: string, port: number): Promise<void> {
  for (let patience = 20; await isPortTaken(port); patience -= 1) {
    const holder = portHolder(port);
    const who = holder ? `${holder.name} (pid ${holder.pid})` : "another process";
    if (holder || patience === 0)
      throw new Error(
        `${machine}: port ${port} is in use by ${who}: stop it, or set HOMELAB_LAB_PORT`,
      );
    await sleep(100); // nobody's: of a process that is about to be gone
  }
}
