import { createHash } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { installedProgram } from "./debian-packages.ts";
import type { Work } from "./work.ts";

/**
 * The options of mmdebstrap(1) for a minimal Debian with some packages. With usr-is-merged in place
 * of usrmerge perl stays out, 47 MB.
 */
export function debianRecipe(packages: readonly string[], ...hooks: string[]): readonly string[] {
  return [
    "--variant=minbase",
    `--include=${[...packages, "ca-certificates", "usr-is-merged"].join(",")}`,
    "--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr",
    ...["doc", "man", "locale", "info", "lintian"].map(
      (folder) => `--dpkgopt=path-exclude=/usr/share/${folder}/*`,
    ),
    ...hooks,
    "bookworm",
  ];
}

/** Names what a recipe makes. */
export function recipeHash(recipe: readonly string[]): string {
  return createHash("sha256").update(recipe.join(" ")).digest("hex").slice(0, 12);
}

/**
 * The root of a minimal Debian as a tar, made once for every recipe.
 *
 * @param instead what the reader can do where mmdebstrap can't be had
 */
export async function debianRoot(
  recipe: readonly string[],
  instead: string,
  work: Work,
): Promise<string> {
  const folder = join(work.settings.cacheDir, "base-image");
  const path = join(folder, `${recipeHash(recipe)}.tar`);
  if (existsSync(path)) return path;
  const mmdebstrap = await installedProgram("mmdebstrap", ["mmdebstrap"], instead, work);
  mkdirSync(folder, { recursive: true });
  // mmdebstrap tells the format from the name, and leaves the file behind when it fails.
  const unfinished = join(folder, `${process.pid}.unfinished.tar`);
  // When it is killed, its work in progress goes with this folder.
  const temporary = mkdtempSync(join(tmpdir(), "homelab-mlflow-"));
  chmodSync(temporary, 0o755); // apt downloads as a user of its own
  work.say("making an image from Debian's packages: a minute, once");
  try {
    await execa(mmdebstrap, [...recipe, unfinished], {
      env: { TMPDIR: temporary },
      cancelSignal: work.signal,
      forceKillAfterDelay: 20_000,
    });
    renameSync(unfinished, path);
  } finally {
    rmSync(unfinished, { force: true });
    rmSync(temporary, { recursive: true, force: true });
  }
  return path;
}
