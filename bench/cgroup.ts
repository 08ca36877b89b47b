/** What a container's control group counts: the memory its limit is about, without page cache. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const ROOT = "/sys/fs/cgroup";
const EVERY_MS = 100;

export class Cgroup {
  private readonly directory: string;
  private readonly v2: boolean;

  /** @param pid a process in it */
  constructor(pid: number) {
    const lines = readFileSync(`/proc/${pid}/cgroup`, "utf8").trim().split("\n");
    const memory = lines.map((line) => line.split(":")).find(([, names]) => names === "memory");
    this.v2 = memory === undefined;
    const path = (memory ?? lines.at(-1)?.split(":") ?? []).slice(2).join(":");
    this.directory = join(ROOT, this.v2 ? "" : "memory", path);
    if (!existsSync(this.directory)) throw new Error(`${this.directory} is missing`);
  }

  /** What is read: cgroup v1's total_rss is what v2 calls anon. */
  get counter(): string {
    return this.v2 ? "anon (cgroup v2)" : "total_rss (cgroup v1)";
  }

  /** Anonymous memory of all its processes, MiB. */
  mebibytes(): number {
    const bytes = this.number("memory.stat", this.v2 ? "anon" : "total_rss");
    return bytes / 2 ** 20;
  }

  /** How many of its processes the kernel has killed for memory. */
  kills(): number {
    return this.number(this.v2 ? "memory.events" : "memory.oom_control", "oom_kill");
  }

  /** The highest of what is seen every 100 ms while something is done. */
  async peakDuring(work: () => Promise<unknown>): Promise<number> {
    let working = true;
    const watched = (async () => {
      let peak = this.mebibytes();
      while (working) {
        peak = Math.max(peak, this.mebibytes());
        await sleep(EVERY_MS);
      }
      return peak;
    })();
    watched.catch(() => {});
    try {
      await work();
    } finally {
      working = false;
    }
    return watched;
  }

  private number(file: string, key: string): number {
    const text = readFileSync(join(this.directory, file), "utf8");
    const value = new RegExp(`^${key} (\\d+)$`, "m").exec(text)?.[1];
    if (value === undefined) throw new Error(`${join(this.directory, file)}: no ${key}`);
    return Number(value);
  }
}
