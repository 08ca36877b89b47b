import { createInterface } from "node:readline/promises";
import { UserError } from "../../config/errors.ts";
import { filesVolume } from "../../files/job.ts";
import { pathInStore, SWEEPS, storeName } from "../../files/paths.ts";
import { NomadApi, type NomadTarget } from "../../nomad/api.ts";
import type { NomadJob } from "../../nomad/types.ts";
import { gatherSweep, isOver } from "../../sweep/gather.ts";
import { SWEEP_META } from "../../sweep/in-nomad.ts";
import { BAD_INPUT } from "../exit-code.ts";
import { asking, type Context, contextOf, sweepCommand } from "../sweep/context.ts";
import { expectAll, folderOf, read, withFiles } from "./context.ts";

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
  const needed = await asking(context, () => sweepAtWork(context, store));
  await withFiles(context, async (server) => {
    const folder = await folderOf(server, store);
    if (folder.startsWith(`${SWEEPS}/`) && needed)
      throw new UserError(
        [
          `${store}: the sweep is not at its end, and its tasks need what is there; ${sweepCommand({ ...context, target: needed }, `stop ${store}`)} ends it`,
        ],
        BAD_INPUT,
      );
    await server.remove(path === undefined ? folder : `${folder}/${pathInStore(path)}`);
  });
  console.log(json ? JSON.stringify({ removed: shown }, undefined, 2) : `${shown}: deleted`);
}

/** Where a job is of a sweep that runs, or may be retried: the volume is the same for all namespaces. */
async function sweepAtWork(
  { nomad, target }: Context,
  name: string,
): Promise<NomadTarget | undefined> {
  const query = { prefix: name, namespace: "*" };
  const found = await nomad.get<{ ID: string; Namespace: string }[]>("/jobs", query);
  for (const { ID, Namespace } of found ?? []) {
    const there = { ...target, namespace: Namespace };
    if (ID === name && (await isAtWork(new NomadApi(there), name))) return there;
  }
  return undefined;
}

async function isAtWork(nomad: NomadApi, name: string): Promise<boolean> {
  const job = await nomad.get<NomadJob>(`/job/${name}`);
  return job?.Meta?.[SWEEP_META] !== undefined && !isOver(await gatherSweep(nomad, name), job);
}

async function confirm(shown: string): Promise<void> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await terminal.question(`Delete ${shown} for good? Type yes to go on: `);
  terminal.close();
  if (answer !== "yes")
    throw new UserError(["the answer was not yes: nothing was deleted"], BAD_INPUT);
}
