/** The environment variables of the tasks, of all places that say any. */
import { readEnvFile } from "../secrets/env-file.ts";
import type { NamedSource, SecretSources } from "../secrets/spec.ts";
import { axisVariable } from "./command.ts";
import { type Entry, type Inputs, isAsNear, LAYERS, type Layer } from "./entries.ts";
import * as parse from "./parse.ts";

export interface Environment {
  readonly env: Readonly<Record<string, string>>;
  /** Variables that are secrets, each with where it is. */
  readonly secrets: SecretSources;
}

/** A variable that another option sets. */
export interface Claim {
  readonly name: string;
  /** Where that is said: what farther places say of the variable does not count. */
  readonly layer: Layer;
  /** The option, which what is as near contradicts. @default that counts */
  readonly option?: string;
}

/** Variables that a sweep sets itself, beside those of a grid; its runs are found by the last. */
const OWN = [
  /^SWEEP_(NAME|INDEX|COUNT|INPUT|TASK_ID|NODE|SIDECAR_\d+)$/,
  /^COILED_BATCH_(TASK_(INPUT|ID|COUNT)|SCHEDULER_ADDRESS)$/,
  /^NOMAD_(ALLOC|TASK|SECRETS|META)_/,
  /^MLFLOW_RUN_CONTEXT$/,
];

/** One variable in one place. */
interface Said extends Pick<Entry, "layer" | "where"> {
  readonly name: string;
  readonly value: string | NamedSource;
}

/**
 * The variables of the nearest place that says them, as a secret or as none.
 *
 * @param ofConfig what the config says, which counts least
 * @param axes of a grid
 * @param claims variables that other options set
 */
export function readEnvironment(
  inputs: Inputs,
  ofConfig: Readonly<Record<string, string>>,
  axes: readonly string[],
  claims: readonly Claim[],
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
  const isOwn = (name: string) =>
    axes.some((axis) => axisVariable(axis) === name) || OWN.some((each) => each.test(name));
  for (const { where, name } of [...saidByConfig(ofConfig), ...counting.values()])
    if (isOwn(name))
      inputs.problems.push(`${where} ${name}: a sweep sets it itself; expected another name`);
  const { env, secrets } = environmentOf(ofConfig, counting);
  for (const { name, layer, option } of claims) {
    const other = counting.get(name);
    if (!other || !isAsNear(other.layer, layer)) {
      delete env[name];
      delete secrets[name];
    } else if (option)
      inputs.problems.push(`${other.where} ${name}: found ${option} ${name} as well; expected one`);
  }
  return { env, secrets };
}

function saidByConfig(ofConfig: Readonly<Record<string, string>>) {
  return Object.keys(ofConfig).map((name) => ({ where: "sweep.env of the config:", name }));
}

function environmentOf(
  ofConfig: Readonly<Record<string, string>>,
  counting: ReadonlyMap<string, Said>,
) {
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
