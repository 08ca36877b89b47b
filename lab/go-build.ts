import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { ExecaError, execa } from "execa";
import { labErrors, lastLines } from "./errors.ts";
import { onPath } from "./on-path.ts";
import { REPOSITORY } from "./settings.ts";
import type { Work } from "./work.ts";

/** A program that is built from a pinned Go module. */
export interface GoProgram {
  /** Its folder in lab/build, with go.mod and go.sum. */
  readonly folder: string;
  readonly package: string;
  /** Name of the file that is built. */
  readonly program: string;
  /** More flags of the linker. */
  readonly ldflags?: string;
  /** How it is called in messages. */
  readonly title: string;
}

/**
 * A program built from its pinned Go modules, once for every content of go.mod and go.sum.
 *
 * @returns its path
 * @throws LabError when there is no Go, or it can't build
 */
export async function goBuild(wanted: GoProgram, work: Work): Promise<string> {
  const path = cachedBuild(wanted, work);
  if (existsSync(path)) return path;
  const go = onPath("go");
  if (!go) throw labErrors.goMissing(wanted.title, "there is no Go");
  mkdirSync(dirname(path), { recursive: true });
  const unfinished = `${path}.${process.pid}`;
  work.say(`building ${wanted.title} from its Go module: minutes, once`);
  try {
    await execa(
      go,
      [
        "build",
        "-mod=readonly",
        "-trimpath",
        "-buildvcs=false",
        ...["-ldflags", linkerFlags(wanted)],
        ...["-o", unfinished, wanted.package],
      ],
      {
        cwd: moduleFolder(wanted),
        // Without cgo the result needs no C compiler here and no particular libc. An older Go
        // fetches the toolchain that go.mod asks for. A workspace of the user's is not ours.
        env: { CGO_ENABLED: "0", GOTOOLCHAIN: "auto", GOWORK: "off", GOFLAGS: "" },
        cancelSignal: work.signal,
        forceKillAfterDelay: 5000,
      },
    );
    renameSync(unfinished, path);
  } catch (error) {
    work.signal.throwIfAborted();
    if (!(error instanceof ExecaError)) throw error;
    throw labErrors.buildFailed(wanted.title, lastLines(String(error.stderr)));
  } finally {
    rmSync(unfinished, { force: true });
  }
  return path;
}

/** Where the built program is, or will be. */
function cachedBuild(wanted: GoProgram, { settings }: Work): string {
  const hash = createHash("sha256");
  for (const file of ["go.mod", "go.sum"]) {
    hash.update(readFileSync(join(moduleFolder(wanted), file)));
  }
  hash.update(`${wanted.package} ${linkerFlags(wanted)} ${process.platform} ${process.arch}`);
  return join(settings.cacheDir, "builds", hash.digest("hex").slice(0, 16), wanted.program);
}

/** Without symbols and debug information the programs are a third smaller. */
function linkerFlags({ ldflags = "" }: GoProgram): string {
  return `-s -w ${ldflags}`.trim();
}

function moduleFolder(wanted: GoProgram): string {
  return join(REPOSITORY, "lab", "build", wanted.folder);
}
