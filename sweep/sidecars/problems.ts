import type { SweepInput } from "../input.ts";
import { addressProblems } from "./addresses.ts";
import { LONGEST_NAME, portsOf } from "./group.ts";
import { trackerPort } from "./own-tracker.ts";
import type { Sidecar } from "./sidecar.ts";

/** Addresses of sidecars, in the environment and the command, that are none of theirs; one line each. */
export function sidecarAddressProblems({
  env,
  command,
  sidecars,
}: Pick<SweepInput, "sidecars" | "env" | "command">): string[] {
  const ports = portsOf(sidecars);
  const wrong = (text: string, where: string) =>
    addressProblems(text, ports).map((problem) => `${where}: ${problem}`);
  return [
    ...Object.entries(env).flatMap(([key, value]) => wrong(value, `--env ${key}`)),
    ...command.flatMap((word) => wrong(word, "the command")),
  ];
}

/** What does not go together with a sweep's sidecars, one line each. */
export function sidecarProblems(
  input: Pick<SweepInput, "name" | "sidecars" | "tracker" | "local">,
): string[] {
  const { name, sidecars, tracker, local } = input;
  if (sidecars.length === 0) return [];
  return [
    ...(local ? ["--local: not together with sidecars, as it has no containers"] : []),
    ...(tracker === "sidecar" ? trackerProblems(sidecars) : []),
    ...(name.length > LONGEST_NAME
      ? [
          `--name: found ${name.length} characters; with sidecars expected at most ${LONGEST_NAME}, as their services and store are named after it`,
        ]
      : []),
  ];
}

function trackerProblems(sidecars: readonly Sidecar[]): string[] {
  const port = trackerPort(sidecars);
  if (port === undefined)
    return ["--tracker: found sidecar, and mlflow has no port in the --sidecar-spec; expected one"];
  const other = sidecars.find(({ name, ports }) => name !== "mlflow" && ports.includes(port));
  if (!other) return [];
  return [
    `--tracker: found sidecar, and ${other.name} has port ${port}; expected an MLflow there to be named mlflow, or another port`,
  ];
}
