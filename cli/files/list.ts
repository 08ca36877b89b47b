import { filesVolume } from "../../files/job.ts";
import { pathInStore, storeName } from "../../files/paths.ts";
import { size } from "../../files/size.ts";
import { contextOf } from "../sweep/context.ts";
import { expectAll, folderOf, nothingAt, read, withFiles } from "./context.ts";

export interface ListOptions {
  readonly json?: boolean;
  readonly sha256?: boolean;
}

/** The stores and the sweeps that have left something, or what is in one of them. */
export async function list(
  store: string | undefined,
  path: string | undefined,
  { json = false, sha256 = false }: ListOptions,
): Promise<void> {
  const context = await contextOf();
  expectAll([
    () => store !== undefined && read("the store", store, storeName),
    () => path !== undefined && read("the path", path, pathInStore),
    () => filesVolume(context.config, "homelab files"),
  ]);
  if (store === undefined) return listStores(context, json);
  const entries = await withFiles(context, async (server) => {
    const folder = await folderOf(server, store);
    const at = path === undefined ? folder : `${folder}/${pathInStore(path)}`;
    const found = await server.tree(at, { sha256 });
    if (!found) throw nothingAt(store, path);
    return found;
  });
  const sorted = entries.toSorted((a, b) => (a.path < b.path ? -1 : 1));
  if (json) return console.log(JSON.stringify(sorted, undefined, 2));
  for (const entry of sorted) {
    const name = entry.type === "directory" ? `${entry.path}/` : entry.path;
    const bytes = entry.type === "file" ? size(entry.size) : entry.type;
    const link = entry.link === undefined ? "" : ` -> ${entry.link}`;
    const hash = entry.sha256 ? `${entry.sha256}  ` : "";
    console.log(`${time(entry.mtimeMs)}  ${bytes.padStart(9)}  ${hash}${name}${link}`);
  }
}

async function listStores(
  context: Awaited<ReturnType<typeof contextOf>>,
  json: boolean,
): Promise<void> {
  const all = await withFiles(context, (server) => server.stores());
  if (json) return console.log(JSON.stringify(all, undefined, 2));
  if (all.length === 0)
    console.log("there is no store yet; npx homelab files upload DIR --store NAME makes one");
  for (const { name, kind, mtimeMs } of all) console.log(`${time(mtimeMs)}  ${kind}  ${name}`);
}

function time(mtimeMs: number): string {
  return new Date(mtimeMs).toISOString().slice(0, 16).replace("T", " ");
}
