import { createInterface } from "node:readline/promises";
import { UserError } from "../../config/errors.ts";
import { filesVolume } from "../../files/job.ts";
import { pathInStore, SWEEPS, storeName } from "../../files/paths.ts";
import { BAD_INPUT } from "../exit-code.ts";
import { asking, contextOf, sweepCommand } from "../sweep/context.ts";
import { type AtWork, sweepsAtWork } from "./at-work.ts";
import { expectAll, folderOf, nothingAt, read, withFiles } from "./context.ts";

export interface RemoveOptions {
  readonly yes?: boolean;
  readonly json?: boolean;
}

/** Deletes a store, what a sweep has left, or a part of either; asks first. */
export async function remove(
  store: string,
  path: string | undefined,
  { yes = false, json = false }: RemoveOptions,
): Promise<void> {
  const context = await contextOf();
  expectAll([
    () => read("the store", store, storeName),
    () => path !== undefined && read("the path", path, pathInStore),
    () => filesVolume(context.config, "homelab files"),
    () => {
      if (yes || process.stdin.isTTY) return;
      throw new UserError(["files rm asks first, and there is no terminal: use --yes"], BAD_INPUT);
    },
  ]);
  const shown = path === undefined ? store : `${store}/${pathInStore(path)}`;
  if (!yes) await confirm(shown);
  await withFiles(context, async (server) => {
    const folder = await folderOf(server, store);
    // Only now: the server may take minutes to start.
    const atWork = await asking(context, () => sweepsAtWork(context, store));
    const isOwn = folder.startsWith(`${SWEEPS}/`);
    const needed = isOwn ? atWork.own : atWork.user;
    if (needed) {
      const command = sweepCommand({ ...context, target: needed.target }, `stop ${needed.sweep}`);
      throw new UserError([whyNot(store, needed, isOwn, command)], BAD_INPUT);
    }
    const at = path === undefined ? folder : `${folder}/${pathInStore(path)}`;
    if (!(await server.remove(at))) throw nothingAt(store, path);
  });
  console.log(json ? JSON.stringify({ removed: shown }, undefined, 2) : `${shown}: deleted`);
}

function whyNot(store: string, { sweep }: AtWork, isOwn: boolean, command: string): string {
  const whose = isOwn ? "the sweep" : `the sweep ${sweep}, which uses the store,`;
  return `${store}: ${whose} is not at its end, and its tasks need what is there; ${command} ends it`;
}

async function confirm(shown: string): Promise<void> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await terminal.question(`Delete ${shown} for good? Type yes to go on: `);
  terminal.close();
  if (answer !== "yes")
    throw new UserError(["the answer was not yes: nothing was deleted"], BAD_INPUT);
}
