/**
 * Makes one script of the `homelab` command, which starts in a third less time than its hundred files:
 * what `npm ci` runs at its end. cli/homelab.mjs takes it while no source has changed since; without it,
 * every command works as well.
 */
import {
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { isAbsolute, join, relative } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { Plugin } from "rolldown";

/** In the repository: a folder for each bundle, and which is the latest, of which sources. cli/homelab.mjs knows both. */
const DIST = "dist";
const LATEST = "latest.json";
/** Libraries that each command waits for. The others stay where they are: some look for files of theirs. */
const INSIDE = ["commander", "undici", "zod"];

/**
 * @param root absolute path of the repository, without links in it
 * @throws Error where it can't be made
 */
export async function bundle(root: string): Promise<void> {
  const dist = join(root, DIST);
  const earlier = latest(dist);
  // A command that runs still loads parts of the earlier one, which therefore stays until the next time.
  const name = String(Date.now());
  const folder = join(dist, name);
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
  writeFileSync(join(dist, "new.json"), JSON.stringify({ folder: name, sources }));
  renameSync(join(dist, "new.json"), join(dist, LATEST));
  for (const each of readdirSync(dist))
    if (![name, earlier, LATEST].includes(each)) rmSync(join(dist, each), { recursive: true });
}

/** Name of the folder of the bundle that is there, if any. */
function latest(dist: string): string | undefined {
  try {
    return JSON.parse(readFileSync(join(dist, LATEST), "utf8")).folder;
  } catch {
    return undefined;
  }
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
    await bundle(realpathSync(fileURLToPath(new URL("..", import.meta.url))));
  } catch (error) {
    const { message } = error as Error;
    console.error(`The homelab command starts without its bundle, a little slower: ${message}`);
  }
}
