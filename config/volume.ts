import type { Volume } from "./schema.ts";

/** Where the clients find a volume's data, as an absolute path. */
export function pathOnClient({ name, source }: Volume): string {
  return "nfs" in source ? (source.nfs.mountPoint ?? `/srv/${name}`) : source.directory;
}

/** Where a volume's data lies, for people: a directory, or SERVER:EXPORT. */
export function dataOf({ source }: Volume): string {
  return "nfs" in source ? `${source.nfs.server}:${source.nfs.export}` : source.directory;
}
