import type { HomelabConfig } from "../config/schema.ts";
import { checkAuthentication } from "./checks/authentication.ts";
import { checkClock } from "./checks/clock.ts";
import { checkExperiment, namedExperiment } from "./checks/experiment.ts";
import { checkHealth } from "./checks/health.ts";
import { checkHost } from "./checks/host.ts";
import { checkName } from "./checks/name.ts";
import { checkRoundTrip, type RoundTrip } from "./checks/round-trip.ts";
import { checkTcp } from "./checks/tcp.ts";
import { checkTls } from "./checks/tls.ts";
import { checkVariables } from "./checks/variables.ts";
import { checkVersion } from "./checks/version.ts";
import { Connection } from "./connection.ts";
import { type Finding, skipped } from "./finding.ts";
import type { Diagnosis } from "./settings.ts";
import { isOfDeployment, type Subject } from "./subject.ts";

interface Check {
  readonly name: string;
  /** Those that have to hold for this one to mean something. */
  readonly after: readonly string[];
  readonly run: (subject: Subject) => Promise<Finding>;
  /**
   * Whether there is something to check.
   * @default there is
   */
  readonly when?: () => boolean;
}

/** In the order in which a client meets what they check. */
const CHECKS: readonly Check[] = [
  { name: "DNS", after: [], run: ({ url, config }) => checkName(url, config) },
  { name: "TCP", after: ["DNS"], run: ({ url }) => checkTcp(url) },
  { name: "TLS", after: ["TCP"], run: ({ url, settings }) => checkTls(url, settings) },
  { name: "Host", after: ["TLS"], run: checkHost },
  { name: "health", after: ["TLS"], run: checkHealth },
  { name: "version", after: ["health"], run: checkVersion },
  { name: "authentication", after: ["Host", "health"], run: checkAuthentication },
  { name: "experiment", after: ["authentication"], run: checkExperiment, when: isNamed },
  { name: "run", after: ["authentication"], run: async (subject) => (await trip(subject)).run },
  {
    name: "artifact",
    after: ["authentication"],
    run: async (subject) => (await trip(subject)).artifact,
  },
  { name: "clock", after: ["TLS"], run: checkClock },
];

export interface Result extends Finding {
  readonly check: string;
}

/**
 * Checks a deployment from the client's side, each result as it comes.
 *
 * @param mlflowVersion MLflow's version in the image
 */
export async function* examine(
  config: HomelabConfig,
  mlflowVersion: string,
  diagnosis: Diagnosis,
): AsyncGenerator<Result> {
  yield { check: "variables", ...checkVariables(diagnosis, config) };
  const { settings, remarks } = diagnosis;
  const { url } = settings;
  if (!url || remarks.some(({ kind }) => kind === "fatal")) {
    for (const { name } of checks()) yield { check: name, ...meaningless("variables") };
    return;
  }
  const connection = new Connection(url, settings);
  const subject = { config, mlflowVersion, settings, url, connection };
  try {
    yield* examineSubject(subject);
  } finally {
    await connection.close();
  }
}

async function* examineSubject(subject: Subject): AsyncGenerator<Result> {
  /** By check, what has to be mended before it has a meaning: itself, or one before it. */
  const causes = new Map<string, string>();
  for (const { name, after, run } of checks()) {
    const cause = after.map((each) => causes.get(each)).find((each) => each);
    const finding = cause ? meaningless(cause) : await run(subject);
    if (cause || finding.status === "wrong") causes.set(name, cause ?? name);
    yield { check: name, ...finding };
  }
}

function checks(): readonly Check[] {
  return CHECKS.filter(({ when }) => !when || when());
}

function isNamed(): boolean {
  return namedExperiment() !== undefined;
}

function meaningless(cause: string): Finding {
  return skipped(`without meaning until ${cause} is mended`);
}

const trips = new WeakMap<Subject, Promise<RoundTrip>>();

/** The one round trip of an examination, which has two results. */
function trip(subject: Subject): Promise<RoundTrip> {
  const made = trips.get(subject) ?? begin(subject);
  trips.set(subject, made);
  return made;
}

async function begin(subject: Subject): Promise<RoundTrip> {
  const { url, config } = subject;
  if (isOfDeployment(url, config)) return checkRoundTrip(subject);
  const foreign = skipped(`${url.host} is none of this deployment's: nothing is written there`);
  return { run: foreign, artifact: foreign };
}
