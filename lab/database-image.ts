/**
 * An image with a database server where Docker's hub can't be reached, from Debian's packages. Of the
 * official one it has what the deploy uses, the programs on PATH, and not its entrypoint.
 */
import { execa } from "execa";
import type { DatabaseKind } from "../database/kinds.ts";
import { debianRecipe, debianRoot, recipeHash } from "./debian-root.ts";
import { dockerCommand } from "./dockerd.ts";
import type { Work } from "./work.ts";

/** Debian 12's. */
export const LAB_DATABASE_SERIES: Readonly<Record<DatabaseKind, string>> = {
  postgresql: "15",
  mysql: "10.11",
};

const RECIPES: Readonly<Record<DatabaseKind, readonly string[]>> = {
  postgresql: debianRecipe(
    [`postgresql-${LAB_DATABASE_SERIES.postgresql}`],
    // Debian's package makes a database of its own, unless this says that it should not.
    '--essential-hook=mkdir -p "$1/etc/postgresql-common"; echo "create_main_cluster = false" > "$1/etc/postgresql-common/createcluster.conf"',
  ),
  mysql: debianRecipe(["mariadb-server-core", "mariadb-client"]),
};

/** The image, in a Docker daemon; its name. */
export async function ensureDatabaseImage(
  kind: DatabaseKind,
  dockerHost: string,
  work: Work,
): Promise<string> {
  const docker = await dockerCommand(work);
  const options = { env: { DOCKER_HOST: dockerHost }, cancelSignal: work.signal } as const;
  const image = `homelab-mlflow-${kind}:${recipeHash(RECIPES[kind])}`;
  const has = await execa(docker, ["image", "inspect", image], { ...options, reject: false });
  if (has.exitCode === 0) return image;
  const root = await debianRoot(RECIPES[kind], "name an image with a database server", work);
  const path = [
    ...["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"],
    // Debian has PostgreSQL's programs on nobody's PATH.
    `/usr/lib/postgresql/${LAB_DATABASE_SERIES.postgresql}/bin`,
  ].join(":");
  await execa(docker, ["import", "--change", `ENV PATH=${path}`, root, image], options);
  return image;
}
