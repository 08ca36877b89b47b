/** Mounts of this machine that a lab is to be rid of. */
import { readFileSync } from "node:fs";
import { execa } from "execa";

/** Unmounts all below a folder: a dockerd or a Nomad that was killed leaves its mounts behind. */
export async function unmountBelow(folder: string): Promise<void> {
  const mounts = readFileSync("/proc/self/mounts", "utf8")
    .split("\n")
    .map((line) => unescapeMount(line.split(" ")[1] ?? ""))
    .filter((path) => path.startsWith(`${folder}/`));
  // The last one mounted may lie in an earlier one.
  for (const mount of mounts.reverse()) await execa("umount", ["--lazy", mount], { reject: false });
}

/** proc_pid_mounts(5) writes a space as \040. */
function unescapeMount(path: string): string {
  return path.replace(/\\([0-7]{3})/g, (_, octal) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  );
}
