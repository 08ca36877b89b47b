import type { SweepInput } from "./input.ts";

/** What does not go together, one line each. */
export function contradictions(input: SweepInput): string[] {
  const { driver, container, requirements, failFast, wait, local, waitTimeout } = input;
  return [
    ...(container && requirements
      ? [
          "--requirements: not together with --container, as they are installed into an image of ours",
        ]
      : []),
    ...(driver === "raw_exec" && requirements
      ? ["--requirements: not together with --driver raw_exec, which runs in no image"]
      : []),
    ...(failFast && !wait && !local
      ? ["--fail-fast: expected --wait with it: who waits stops the sweep"]
      : []),
    ...(waitTimeout && !wait ? ["--wait-timeout: expected --wait with it"] : []),
  ];
}
