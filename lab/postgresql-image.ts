/**
 * An image with a PostgreSQL server where Docker's hub can't be reached, from Debian's packages. Of
 * the official one it has what the deploy uses, the programs on PATH, and not its entrypoint.
 */
import { execa } from "execa";
import { debianRecipe, debianRoot, recipeHash } from "./debian-root.ts";
import { dockerCommand } from "./dockerd.ts";
import type { Work } from "./work.ts";

/** Debian 12's. */
export const LAB_POSTGRESQL_MAJOR = 15;

const RECIPE = debianRecipe(
  [`postgresql-${LAB_POSTGRESQL_MAJOR}`],
  // Debian's package makes a database of its own, unless this says that it should not.
  '--essential-hook=mkdir -p "$1/etc/postgresql-common"; echo "create_main_cluster = false" > "$1/etc/postgresql-common/createcluster.conf"',
);

/** The image, in a Docker daemon; its name. */
export async function ensurePostgresqlImage(dockerHost: string, work: Work): Promise<string> {
  const docker = await dockerCommand(work);
  const options = { env: { DOCKER_HOST: dockerHost }, cancelSignal: work.signal } as const;
  const image = `homelab-mlflow-postgresql:${recipeHash(RECIPE)}`;
  const has = await execa(docker, ["image", "inspect", image], { ...options, reject: false });
  if (has.exitCode === 0) return image;
  const root = await debianRoot(RECIPE, "name an image with a PostgreSQL server", work);
  const path = `/usr/lib/postgresql/${LAB_POSTGRESQL_MAJOR}/bin`;
  const environment = `ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:${path}`;
  await execa(docker, ["import", "--change", environment, root, image], options);
  return image;
}
