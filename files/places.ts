/** Where files come to lie here: each is written beside its place, and gets its name when it is complete. */
import { randomBytes } from "node:crypto";
import type { Stats } from "node:fs";
import { type FileHandle, lstat, mkdir, open, rename, rm, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { UserError } from "../config/errors.ts";
import type { Sent } from "./file-server.ts";
import { DOWNLOADING } from "./paths.ts";

/** A folder here. What comes stays within it: no link in it is followed. */
export class Places {
  private readonly root: string;
  private readonly made = new Set<string>();

  /** @param root real path of a folder that is there */
  constructor(root: string) {
    this.root = root;
  }

  /** Makes a folder, and those above it. @throws UserError where another thing is on the way */
  async folder(path: string): Promise<void> {
    if (this.made.has(path)) return;
    let at = this.root;
    for (const part of path.split("/").filter((each) => each !== ".")) {
      at = join(at, part);
      const found = await lstat(at).catch((): Stats | undefined => undefined);
      if (found && !found.isDirectory())
        throw new UserError([`${at}: found a file or a link, expected a folder or nothing`]);
      if (!found) await mkdir(at);
    }
    this.made.add(path);
  }

  /** Makes a link, in the place of what is there. */
  async link(path: string, to: string): Promise<void> {
    await this.folder(dirname(path));
    const beside = this.beside(path);
    await symlink(to, beside);
    await rename(beside, join(this.root, path));
  }

  /**
   * Makes a file, in the place of what is there.
   *
   * @param fill writes it, and says how it was sent; undefined where there is nothing to be made
   * @returns whether it was made
   * @throws what `fill` throws, and where not all has come
   */
  async file(
    path: string,
    fill: (file: FileHandle) => Promise<Sent | undefined>,
  ): Promise<boolean> {
    await this.folder(dirname(path));
    const beside = this.beside(path);
    const file = await open(beside, "wx", 0o600);
    try {
      const sent = await fill(file);
      if (sent) await settle(file, path, sent);
      await file.close();
      await (sent ? rename(beside, join(this.root, path)) : rm(beside));
      return sent !== undefined;
    } catch (error) {
      await file.close().catch(() => {});
      await rm(beside, { force: true });
      throw error;
    }
  }

  private beside(path: string): string {
    return join(this.root, dirname(path), DOWNLOADING + randomBytes(8).toString("hex"));
  }
}

async function settle(file: FileHandle, path: string, { size, mode, mtime }: Sent): Promise<void> {
  const { size: length } = await file.stat();
  if (length !== size) throw new Error(`${path}: ${length} of ${size} bytes came`);
  await file.chmod(mode & 0o777);
  await file.utimes(mtime, mtime);
}
