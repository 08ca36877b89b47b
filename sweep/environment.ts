/** The environment variables of the tasks, of all places that say any. */
import { readEnvFile } from "../secrets/env-file.ts";
import type { NamedSource, SecretSources } from "../secrets/spec.ts";
import { type Entry, type Inputs, isAsNear, LAYERS, type Layer } from "./entries.ts";
import * as parse from "./parse.ts";

export interface Environment {
  readonly env: Readonly<Record<string, string>>;
  /** Variables that are secrets, each with where it is. */
  readonly secrets: SecretSources;
}

/** Variables that a sweep sets itself; its runs are found by the last. */
const OWN = /^(SWEEP_|NOMAD_|COILED_BATCH_|MLFLOW_RUN_CONTEXT$)/;
const OTHER =
  "a variable of another name than SWEEP_..., NOMAD_..., COILED_BATCH_... and MLFLOW_RUN_CONTEXT, which a sweep sets itself";

const TRACKING_URI = "MLFLOW_TRACKING_URI";

/** One variable in one place. */
interface Said extends Pick<Entry, "layer" | "where"> {
  readonly name: string;
  readonly value: string | NamedSource;
}

/**
 * The variables of the nearest place that says them, as a secret or as none.
 *
 * @param ofConfig what the config says, which counts least
 * @param inputVariable that has a task's value
 * @param tracker the place that says which MLflow is logged to: MLFLOW_TRACKING_URI does not count from farther away
 */
export function readEnvironment(
  inputs: Inputs,
  ofConfig: Readonly<Record<string, string>>,
  inputVariable?: string,
  tracker?: Layer,
): Environment {
  // Of one place, what is said by itself counts over its file, and the last over the first.
  const said = [
    ...inputs.all("env-file", (file, entry) => ofFile(inputs, file, entry)).flat(),
    ...inputs.all("env", (text, entry) => saidOf(entry, ...parse.variable(text))),
    ...inputs.all("secret-env-file", (file, entry) => ofSecretFile(inputs, file, entry)).flat(),
    ...inputs.all("secret-env", secret),
  ];
  const counting = new Map<string, Said>();
  for (const layer of LAYERS.toReversed())
    for (const each of said.filter((one) => one.layer === layer)) {
      const other = counting.get(each.name);
      if (other?.layer === layer && isSecret(other) !== isSecret(each))
        inputs.problems.push(
          `${each.where} ${each.name}: found in ${other.where} as well; expected it once`,
        );
      counting.set(each.name, each);
    }
  const names = [
    ...Object.keys(ofConfig).map((name) => ({ where: "sweep.env of the config:", name })),
    ...counting.values(),
  ];
  for (const { where, name } of names) {
    if (OWN.test(name)) inputs.problems.push(`${where} ${name}: expected ${OTHER}`);
    if (name === inputVariable)
      inputs.problems.push(`${where} ${name}: expected another than that of --map-over-input-var`);
  }
  const uri = counting.get(TRACKING_URI)?.layer;
  const isFar = tracker !== undefined && (uri === undefined || !isAsNear(uri, tracker));
  const { env, secrets } = environmentOf(ofConfig, counting);
  const { [TRACKING_URI]: _, ...others } = env;
  return { env: isFar ? others : env, secrets };
}

function environmentOf(
  ofConfig: Readonly<Record<string, string>>,
  counting: ReadonlyMap<string, Said>,
): Environment {
  const env: Record<string, string> = { ...ofConfig };
  const secrets: Record<string, NamedSource> = {};
  for (const [name, { value }] of counting) {
    if (typeof value === "string") env[name] = value;
    else {
      delete env[name];
      secrets[name] = value;
    }
  }
  return { env, secrets };
}

function ofFile(inputs: Inputs, file: string, entry: Entry): Said[] {
  const variables = Object.entries(variablesOf(inputs, file));
  return variables.map(([name, value]) => saidOf(entry, name, value));
}

function ofSecretFile(inputs: Inputs, file: string, entry: Entry): Said[] {
  return Object.keys(variablesOf(inputs, file)).map((variable) =>
    saidOf(entry, variable, { key: entry.where, source: { file, variable } }),
  );
}

function variablesOf(inputs: Inputs, file: string): Readonly<Record<string, string>> {
  const { variables, problems } = readEnvFile(parse.textFile(file), file);
  inputs.problems.push(...problems);
  return variables;
}

function secret(text: string, entry: Entry): Said {
  const [name, source] = parse.secretVariable(text);
  return saidOf(entry, name, { key: `${entry.where} ${name}`, source });
}

function saidOf({ layer, where }: Entry, name: string, value: Said["value"]): Said {
  return { layer, where, name, value };
}

function isSecret({ value }: Said): boolean {
  return typeof value !== "string";
}
