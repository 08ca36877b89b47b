import { existsSync, readFileSync } from "node:fs";
import { z } from "zod";
import { labErrors } from "./errors.ts";
import type { LabSettings } from "./settings.ts";
import { writeWhole } from "./write-file.ts";

/** What `lab-up` found or set up, written once all of it is healthy. */
export const labStateSchema = z.strictObject({
  /** The Docker that builds and runs, as DOCKER_HOST is written. */
  dockerHost: z.string(),
  nomadBinary: z.string(),
  /** terraform or tofu. */
  terraformBinary: z.string(),
  /** A CLI config that names a mirror; absent where the providers' registry answers. */
  terraformRc: z.string().optional(),
  /** Set when the mirror's kreuzwerker/docker is not the version the bindings pin. */
  dockerProviderVersion: z.string().optional(),
  /** Who registers the job: the provider from the registry or a plugin folder, or the nomad CLI. */
  nomadProvider: z.enum(["registry", "plugin", "cli"]),
  ansiblePlaybook: z.string(),
  /** What the server's image is built on. */
  baseImage: z.string(),
  /** The certificates this machine trusts, when its environment names a file of them. */
  caBundle: z.string().optional(),
  /** What came from where, as it was printed. */
  sources: z.array(z.strictObject({ part: z.string(), version: z.string(), from: z.string() })),
});

export type LabState = z.infer<typeof labStateSchema>;
export type Source = LabState["sources"][number];

/**
 * The state of the lab, or nothing when there is none yet.
 *
 * @throws LabError when the file is there and is not what lab-up writes
 */
export function readLabState(settings: LabSettings): LabState | undefined {
  if (!existsSync(settings.stateFile)) return undefined;
  const text = readFileSync(settings.stateFile, "utf8");
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw labErrors.badState(settings.stateFile, (error as Error).message);
  }
  const parsed = labStateSchema.safeParse(json);
  if (!parsed.success) {
    const problems = parsed.error.issues.map((i) => `${i.path.join(".")}: ${i.message}`.trim());
    throw labErrors.badState(settings.stateFile, problems.join("; "));
  }
  return parsed.data;
}

export function writeLabState(settings: LabSettings, state: LabState): void {
  writeWhole(settings.stateFile, `${JSON.stringify(state, undefined, 2)}\n`);
}
