/** A disk of images that the clients' Docker finds pulled already. */
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ExecaError, execa } from "execa";
import { lastLines } from "../../lab/errors.ts";
import type { Work } from "../../lab/work.ts";
import { makeDisk, type RootDisk } from "./disk.ts";

const PULL_IMAGES = fileURLToPath(new URL("pull-images.sh", import.meta.url));
const SIZE = "8G";

/**
 * Writes a disk image for /var/lib/docker: an emulated machine pulls MLflow's image in six minutes,
 * this in ten seconds. Its layers are made by the machines' own release of Docker.
 *
 * @param images as `docker pull` takes them, such as 127.0.0.1:64650/mlflow@sha256:...
 * @throws Error when Docker can't be run here or an image can't be pulled
 */
export async function makeDockerDisk(
  path: string,
  disk: RootDisk,
  images: readonly string[],
  { signal, say }: Pick<Work, "signal" | "say">,
): Promise<void> {
  const temporary = await mkdtemp(join(tmpdir(), "homelab-mlflow-"));
  try {
    for (const folder of ["root", "data"]) await mkdir(join(temporary, folder));
    say(`pulling ${images.join(", ")} for the clients`);
    await execa(
      "unshare",
      [
        ...["--mount", "--pid", "--fork", "--kill-child"],
        ...[PULL_IMAGES, disk.image, temporary, ...images],
      ],
      { cancelSignal: signal, timeout: 600_000 },
    );
    await makeDisk(path, SIZE, join(temporary, "data"));
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof ExecaError)) throw error;
    throw new Error(`images for the clients: ${lastLines(String(error.stderr))}`);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}
