import { createHash } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { unzipSync } from "fflate";
import { labErrors } from "./errors.ts";
import type { Work } from "./work.ts";

/** A vendor's release: a zip with one program in it, known by its SHA-256. */
export interface Release {
  readonly url: string;
  readonly sha256: string;
  /** Name of the program in the zip. */
  readonly program: string;
}

const CONNECT_SECONDS = 5;

/**
 * The program of a release, downloaded once.
 *
 * @returns its path, or nothing when the vendor's host can't be reached
 * @throws LabError when what was downloaded is not what was pinned
 */
export async function fromRelease(release: Release, work: Work): Promise<string | undefined> {
  const path = join(
    work.settings.cacheDir,
    "releases",
    release.sha256.slice(0, 16),
    release.program,
  );
  if (existsSync(path)) return path;
  const zip = await download(release.url, work);
  if (!zip) return undefined;
  const found = createHash("sha256").update(zip).digest("hex");
  if (found !== release.sha256) throw labErrors.checksumWrong(release.url, release.sha256, found);
  const program = unzipSync(zip, { filter: ({ name }) => name === release.program })[
    release.program
  ];
  if (!program) throw new Error(`${release.url} holds no ${release.program}`);
  mkdirSync(dirname(path), { recursive: true });
  const unfinished = `${path}.${process.pid}`;
  writeFileSync(unfinished, program);
  chmodSync(unfinished, 0o755);
  renameSync(unfinished, path);
  return path;
}

async function download(url: string, { signal, say }: Work): Promise<Uint8Array | undefined> {
  // Only the wait for an answer is timed: the file itself may take as long as it takes.
  const patience = new AbortController();
  const timer = setTimeout(() => patience.abort(), CONNECT_SECONDS * 1000);
  try {
    const response = await fetch(url, { signal: AbortSignal.any([signal, patience.signal]) });
    clearTimeout(timer);
    if (!response.ok) return undefined;
    say(`downloading ${url}`);
    return new Uint8Array(await response.arrayBuffer());
  } catch {
    signal.throwIfAborted();
    return undefined;
  } finally {
    clearTimeout(timer);
  }
}
