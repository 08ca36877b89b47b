import { UserError } from "../../config/errors.ts";
import type { FileServer, Kept } from "../../files/file-server.ts";
import { withFileServer } from "../../files/helper.ts";
import { pathInStore, sweepFolder } from "../../files/paths.ts";
import { Interrupted } from "../../lab/errors.ts";
import { Wrong } from "../../sweep/wrong.ts";
import { BAD_INPUT } from "../exit-code.ts";
import { asking, type Context, FilesFailure } from "../sweep/context.ts";

/** Runs what asks the file server; what fails there is not Nomad's, and says so by its exit code. @throws FilesFailure */
export async function withFiles<T>(
  context: Context,
  use: (server: FileServer) => Promise<T>,
): Promise<T> {
  let failure: unknown;
  const noted = (server: FileServer) =>
    use(server).catch((error) => {
      failure = error;
      throw error;
    });
  try {
    return await asking(context, () => withFileServer(context, console.error, noted));
  } catch (error) {
    if (failure === undefined || error instanceof Interrupted) throw error;
    throw ofFiles(failure);
  }
}

function ofFiles(failure: unknown): unknown {
  if (!(failure instanceof UserError) || failure.exitCode !== 1) return failure;
  return new FilesFailure(failure.problems);
}

/** What is wrong with each of some texts, one line each, told at once. @throws UserError */
export function expectAll(checks: readonly (() => unknown)[]): void {
  const problems = checks.flatMap((check) => {
    try {
      check();
      return [];
    } catch (error) {
      if (error instanceof UserError) return error.problems;
      throw error;
    }
  });
  if (problems.length > 0) throw new UserError(problems, BAD_INPUT);
}

/** A text as a value. @throws UserError with where it stands */
export function read<T>(where: string, text: string, parse: (text: string) => T): T {
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof Wrong)) throw error;
    throw new UserError(
      [`${where}: found ${JSON.stringify(text)}; expected ${error.message}`],
      BAD_INPUT,
    );
  }
}

/** The folder of a store or, where no store is called so, of a sweep. @throws UserError where there is neither */
export async function folderOf(server: FileServer, name: string): Promise<string> {
  const all = await server.stores();
  const found = kept(all, name);
  if (found) return found.kind === "store" ? name : sweepFolder(name);
  const stores = all.filter(({ kind }) => kind === "store").map((each) => each.name);
  const known = stores.length > 0 ? stores.join(", ") : "there is none yet";
  throw new UserError([`${name}: no store or sweep of that name; stores: ${known}`], BAD_INPUT);
}

/** Of a path that nothing is at. */
export function nothingAt(store: string, path?: string): UserError {
  const problem =
    path === undefined
      ? `${store}: it is gone since; npx homelab files list shows what there is`
      : `${store}/${pathInStore(path)}: there is nothing; npx homelab files list ${store} shows what there is`;
  return new UserError([problem], BAD_INPUT);
}

/** A store would hide what is kept of a sweep of its name. @throws UserError where there is such a sweep, and no store yet */
export async function expectNotOfSweep(server: FileServer, store: string): Promise<void> {
  if (kept(await server.stores(), store)?.kind !== "sweep") return;
  throw new UserError(
    [
      `--store: found ${store}, a sweep whose files are kept, which a store of that name would hide; expected another name (npx homelab files rm ${store} deletes the sweep's files)`,
    ],
    BAD_INPUT,
  );
}

function kept(all: readonly Kept[], name: string): Kept | undefined {
  const named = all.filter((each) => each.name === name);
  return named.find(({ kind }) => kind === "store") ?? named[0];
}
