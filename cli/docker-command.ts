import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { execa } from "execa";
import { UserError } from "../config/errors.ts";

/** From this release on, the docker command builds with BuildKit only through buildx. */
const NEEDS_BUILDX = 23;

/**
 * A docker command that can build with BuildKit, the first on PATH. There may be several, and a
 * bare client without buildx among them.
 *
 * @throws UserError when there is none
 */
export async function dockerCommand(path = process.env.PATH ?? ""): Promise<string> {
  const found = path
    .split(delimiter)
    .map((folder) => join(folder, "docker"))
    .filter(isExecutable);
  for (const docker of found) if (await canBuild(docker)) return docker;
  throw new UserError([
    found.length === 0
      ? "docker: command not found; install Docker's client (Debian: apt-get install docker.io)"
      : `${found.join(", ")}: can't build, as the buildx plugin is missing; install it (Docker's packages: docker-buildx-plugin)`,
  ]);
}

async function canBuild(docker: string): Promise<boolean> {
  const { stdout } = await execa(docker, ["--version"], { reject: false });
  const major = Number(/version (\d+)\./.exec(stdout ?? "")?.[1]);
  if (major < NEEDS_BUILDX) return true;
  return !(await execa(docker, ["buildx", "version"], { reject: false })).failed;
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
