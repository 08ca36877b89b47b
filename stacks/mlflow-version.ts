import { readFileSync } from "node:fs";
import { join } from "node:path";

/**
 * MLflow's version in the image, from the lock file.
 *
 * @param root absolute path of the repository
 * @throws Error when image/requirements.txt does not pin mlflow
 */
export function mlflowVersion(root: string): string {
  const locked = readFileSync(join(root, "image", "requirements.txt"), "utf8");
  const version = /^mlflow==(\S+)/m.exec(locked)?.[1];
  if (!version) throw new Error("image/requirements.txt: no line mlflow==VERSION");
  return version;
}
