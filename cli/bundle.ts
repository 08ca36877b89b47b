/**
 * Makes one script of the `homelab` command, which starts in a third less time than its hundred files:
 * what `npm ci` runs at its end. cli/homelab.mjs takes it while no source has changed since; without it,
 * every command works as well.
 */
import { rmSync, statSync, writeFileSync } from "node:fs";
import { isAbsolute, join, relative } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { Plugin } from "rolldown";

/** In the repository; cli/homelab.mjs knows it as well. */
const FOLDER = "dist";
/** Libraries that each command waits for. The others stay where they are: some look for files of theirs. */
const INSIDE = ["commander", "undici", "zod"];

/** @param root absolute path of the repository */
export async function bundle(root: string): Promise<void> {
  const folder = join(root, FOLDER);
  // A bundle without its list of sources, which is written last, is not taken.
  rmSync(folder, { recursive: true, force: true });
  const sources: Record<string, number> = {};
  const installed = "node_modules/.package-lock.json";
  sources[installed] = statSync(join(root, installed)).mtimeMs;
  // Here, since it can't be loaded on each machine and Node.
  const { rolldown } = await import("rolldown");
  const made = await rolldown({
    cwd: root,
    input: "cli/homelab.ts",
    platform: "node",
    external: (id) => /^[^./]/.test(id) && !INSIDE.includes(id.split("/")[0] ?? ""),
    plugins: [ours(root, folder, sources)],
  });
  await made.write({ dir: folder, format: "esm" });
  await made.close();
  writeFileSync(join(folder, "sources.json"), JSON.stringify(sources));
}

/**
 * Notes when each of our files was changed, in milliseconds since 1970, by its path from the root; and
 * lets it find what lies beside it from where the bundle is.
 */
function ours(root: string, folder: string, sources: Record<string, number>): Plugin {
  const isOurs = (id: string) => {
    const path = relative(root, id);
    return isAbsolute(id) && !path.startsWith("..") && !path.startsWith("node_modules");
  };
  return {
    name: "ours",
    load(id) {
      // Before it is read: what is changed meanwhile is newer.
      if (isOurs(id)) sources[relative(root, id)] = statSync(id).mtimeMs;
      return null;
    },
    transform(code, id) {
      if (!isOurs(id)) return null;
      const here = `new URL(${JSON.stringify(relative(folder, id))}, import.meta.url).href`;
      return code.replaceAll("import.meta.url", here);
    },
  };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  try {
    await bundle(fileURLToPath(new URL("..", import.meta.url)));
  } catch (error) {
    const { message } = error as Error;
    console.error(`The homelab command starts without its bundle, a little slower: ${message}`);
  }
}
