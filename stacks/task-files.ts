import { readFileSync } from "node:fs";
import { UserError } from "../config/errors.ts";
import type { HomelabConfig } from "../config/schema.ts";
import { show } from "../config/show.ts";
import type { JobFile } from "../constructs/mlflow-job.ts";
import { S3_CA_FILE } from "./storage-environment.ts";

/** A job is kept in Nomad's memory, and so are its files. */
const LARGEST = 64 * 1024;

/**
 * Files of a config that become part of the job: of an authority the certificates alone, whatever
 * else is in its file.
 *
 * @throws UserError when a file can't be read, or holds no certificate
 */
export function taskFiles({ storage: { artifacts } }: HomelabConfig): JobFile[] {
  if (artifacts.type !== "s3" || !artifacts.caBundle) return [];
  const refuse = (expected: string) =>
    new UserError([
      `storage.artifacts.caBundle: found ${show(artifacts.caBundle)}; expected ${expected}`,
    ]);
  let text: string;
  try {
    text = readFileSync(artifacts.caBundle, "utf8");
  } catch {
    throw refuse("a PEM file that can be read");
  }
  const all = text.match(/-----BEGIN CERTIFICATE-----[\w\s+/=]+-----END CERTIFICATE-----/g);
  if (!all) throw refuse("a PEM file with a certificate");
  const content = `${all.join("\n")}\n`;
  if (content.length > LARGEST)
    throw refuse(`the certificate of one authority, at most ${LARGEST / 1024} KiB in all`);
  return [{ destination: S3_CA_FILE.destination, content }];
}
