import type { FileServer } from "./file-server.ts";
import { isSafe } from "./paths.ts";
import { type DownloadOptions, type DownloadPlan, planDownload } from "./plan.ts";
import { look } from "./scan.ts";
import type { TreeEntry } from "./tree.ts";

/** What to get of a folder on the volume, with what is here already. @throws UserError */
export async function planHere(
  server: FileServer,
  from: string,
  options: DownloadOptions,
): Promise<DownloadPlan & { readonly found: number }> {
  const there = (await server.tree(from)) ?? [];
  const here: TreeEntry[] = [];
  for (const { path } of there) {
    if (!isSafe(path)) continue;
    const found = await look(options.into, path).catch(() => undefined);
    if (found) here.push(found);
  }
  const plan = planDownload(there, here, options);
  return { ...plan, found: there.filter(({ type }) => type !== "directory").length };
}
