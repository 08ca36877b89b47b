/**
 * The Nomad variable with the task's secrets. It holds more than one generation of them: a job that
 * Nomad takes back to an older version finds the secrets of that version.
 */
import { randomUUID } from "node:crypto";
import { NomadApi } from "../nomad/api.ts";
import type { NomadJob } from "../nomad/types.ts";
import { readSecrets } from "./read.ts";
import { GENERATION_META, type SecretsSpec, variablePath } from "./spec.ts";

/** Item that names the generation written last; each generation is an item of JSON. */
const CURRENT = "current";

/** https://developer.hashicorp.com/nomad/api-docs/variables/variables#read-variable */
interface NomadVariable {
  readonly Items: Readonly<Record<string, string>>;
}

/**
 * The generation of all tasks' secrets as they are now: that of the last deploy, or a new one where
 * any has changed. It is made by chance, so that nothing can be guessed from it.
 *
 * @throws UserError when a secret is missing, or Nomad does not let us read a variable
 */
export async function secretsGeneration(specs: readonly SecretsSpec[]): Promise<string> {
  const found = await Promise.all(specs.map(currentGeneration));
  const [first] = found;
  return first && found.every((each) => each === first) ? first : randomUUID();
}

/** The generation that holds these secrets; nothing where none does. */
async function currentGeneration(spec: SecretsSpec): Promise<string | undefined> {
  const wanted = inOrder(readSecrets(spec.sources));
  const { [CURRENT]: current = "", ...items } = await itemsOf(new NomadApi(spec.nomad), spec);
  return items[current] === wanted ? current : undefined;
}

/**
 * Writes the secrets as this generation. Those that the job runs by, or would go back to, stay.
 *
 * @throws UserError when a secret is missing, or Nomad does not let us write
 */
export async function writeSecrets(spec: SecretsSpec, generation: string): Promise<void> {
  const api = new NomadApi(spec.nomad);
  const items = await itemsOf(api, spec);
  const inUse = await generationsInUse(api, spec.job);
  const kept = Object.entries(items).filter(([name]) => inUse.includes(name));
  await api.put(`/var/${variablePath(spec)}`, {
    Path: variablePath(spec),
    Items: {
      ...Object.fromEntries(kept),
      [generation]: inOrder(readSecrets(spec.sources)),
      [CURRENT]: generation,
    },
  });
}

/** Removes the variable. */
export async function removeSecrets(spec: Omit<SecretsSpec, "sources">): Promise<void> {
  await new NomadApi(spec.nomad).delete(`/var/${variablePath(spec)}`);
}

type Place = Pick<SecretsSpec, "job" | "task">;

async function itemsOf(api: NomadApi, place: Place): Promise<Record<string, string>> {
  const variable = await api.getPatiently<NomadVariable>(`/var/${variablePath(place)}`);
  return { ...variable?.Items };
}

/** Of the job as it is, and as Nomad would take it back to. */
async function generationsInUse(api: NomadApi, job: string): Promise<string[]> {
  const found = await api.getPatiently<{ readonly Versions: readonly NomadJob[] | null }>(
    `/job/${job}/versions`,
  );
  const versions = found?.Versions ?? [];
  return [versions[0], versions.find((each) => each.Stable)].flatMap(
    (each) => each?.Meta?.[GENERATION_META] ?? [],
  );
}

function inOrder(secrets: Record<string, string>): string {
  return JSON.stringify(Object.fromEntries(Object.entries(secrets).sort()));
}
