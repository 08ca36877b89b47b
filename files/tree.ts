/** What lies in a folder, here or on the volume. */
export interface TreeEntry {
  /** Below the folder, with slashes. */
  readonly path: string;
  /** Where it lies on the volume, where it is to have another path here. */
  readonly source?: string;
  readonly type: "file" | "directory" | "link" | "other";
  /** Bytes. */
  readonly size: number;
  /** Of its last change, in milliseconds since 1970, rounded down. */
  readonly mtimeMs: number;
  /** Permissions. */
  readonly mode: number;
  /** Where a link leads. */
  readonly link?: string;
  /** Where it was asked for. */
  readonly sha256?: string;
}

/** From so many bytes on, a connection of its own costs a file less than its way through a tar. */
const LARGE = 1 << 24;

/** Whether a file goes up or down by itself, and not in a tar with others. */
export function isLarge({ type, size }: TreeEntry): boolean {
  return type === "file" && size >= LARGE;
}

/** Times that passed through a number of seconds differ by rounding. */
const SAME_MS = 2;

/** Whether two are the same, as far as size and time tell. */
export function isSame(one: TreeEntry, other: TreeEntry | undefined): boolean {
  if (one.type !== other?.type) return false;
  if (one.type === "directory") return true;
  if (one.type === "link") return one.link === other.link;
  return one.size === other.size && Math.abs(one.mtimeMs - other.mtimeMs) < SAME_MS;
}
