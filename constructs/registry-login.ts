import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

/**
 * The docker client's configuration file when `docker login` was done for this registry, or
 * undefined. The Docker provider wants to be told which of the two it is.
 * https://docs.docker.com/reference/cli/docker/login/#configuration-file
 *
 * @param registry HOST:PORT
 */
export function registryLogin(
  registry: string,
  env: NodeJS.ProcessEnv = process.env,
): string | undefined {
  const file = join(env.DOCKER_CONFIG || join(homedir(), ".docker"), "config.json");
  if (!existsSync(file)) return undefined;
  let config: { auths?: object; credHelpers?: object };
  try {
    config = JSON.parse(readFileSync(file, "utf8"));
  } catch {
    return undefined;
  }
  const known = { ...config.auths, ...config.credHelpers };
  const names = [registry, `http://${registry}`, `https://${registry}`];
  return names.some((name) => name in known) ? file : undefined;
}
