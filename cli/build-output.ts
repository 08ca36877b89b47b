/** What the image's build said: BuildKit's plain progress, a step's number before each line. */
import { fullDisk, tellsOfFullDisk } from "./full-disk.ts";

const SHOWN_LINES = 15;
const WIDTH = 72;

/** The Dockerfile's step that BuildKit is at, such as "[build 4/8] RUN ...", on one short line. */
export function lastBuildStep(log: string): string | undefined {
  const step = plain(log)
    .map((line) => /^#\d+ (\[(?:[\w-]+ +)?\d+\/\d+\] .*)/.exec(line)?.[1])
    .findLast((each) => each !== undefined)
    ?.replaceAll(/--mount=\S+ /g, "")
    .replaceAll(/\s+/g, " ");
  return step && step.length > WIDTH ? `${step.slice(0, WIDTH - 3)}...` : step;
}

/**
 * Why the image's build failed: in a line of ours where it is known, else the end of what the build
 * said.
 *
 * @param log what the build said
 * @param output everything the deploy printed
 * @param baseImage what image.baseImage says
 * @returns undefined when it is not the build that failed
 */
export function explainBuild(
  log: string,
  output: readonly string[],
  baseImage: string,
): string[] | undefined {
  if (!output.some((line) => /Error running \w+ build/.test(line))) return undefined;
  const said = plain(log);
  const unpulled = whyNotPulled(said);
  if (unpulled)
    return [
      `image.baseImage ${JSON.stringify(baseImage)} could not be pulled: ${unpulled}; set image.baseImage to an image that can be, or that Docker has already`,
    ];
  const full = said.find(tellsOfFullDisk);
  if (full) return [fullDisk(full)];
  return said.length > 0 ? said.slice(-SHOWN_LINES) : undefined;
}

/** What BuildKit says of the base image, in the step that asks the registry for it. */
function whyNotPulled(said: readonly string[]): string | undefined {
  const step = said
    .map((line) => /^(#\d+) \[internal\] load metadata for /.exec(line)?.[1])
    .find((number) => said.some((line) => number && line.startsWith(`${number} ERROR: `)));
  return said
    .find((line) => step && line.startsWith(`${step} ERROR: `))
    ?.slice(`${step} ERROR: `.length);
}

/** Some releases of the provider write the time before each line. */
function plain(log: string): string[] {
  return log
    .split("\n")
    .map((line) => line.replace(/^[\d/]+ [\d:]+ /, ""))
    .filter((line) => line.trim() !== "");
}
