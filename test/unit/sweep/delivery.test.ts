/** The way of a script to a task, with real shells. */
import { existsSync } from "node:fs";
import { execa } from "execa";
import { describe, expect, it } from "vitest";
import { scriptOf, scriptVariables, startLine } from "../../../sweep/delivery.ts";
import { HOSTILE } from "../synth.ts";

const shells = ["/bin/sh", "/bin/bash"].filter((shell) => existsSync(shell));
/** What Nomad would put its own values in for, and what printf would. */
const TEXTS = [
  ["any text", HOSTILE.replaceAll("\0", "")],
  [
    "what Nomad would replace",
    "${NOMAD_TASK_DIR} ${node.unique.name} $${a} \\${b} \\\\${c} $ {d} ${",
  ],
  ["what printf would replace", "\\n \\0044{ \\\\0044 \\x41 \\c %s %% \\"],
  ["more than Linux takes as one variable", "\\${é}🚀".repeat(20_000)],
] as const;

describe.each(shells)("a script that %s gets", (shell) => {
  it.each(TEXTS)("is the same when it is run: %s", async (_, text) => {
    // Quoted as it stands: a here-document leaves all of it alone.
    const script = `cat <<'THE END OF IT'\n${text}\nTHE END OF IT\nenv | grep -c HOMELAB_SCRIPT\nexit 7`;
    const variables = scriptVariables(script);
    const { stdout, exitCode } = await execa(shell, ["-c", startLine(variables)], {
      env: variables,
      reject: false,
    });
    expect(exitCode).toBe(7);
    // And none of it is in the environment of what it starts.
    expect(stdout === `${text}\n0`).toBe(true);
  });
});

describe("a script as a job has it", () => {
  it.each(TEXTS)("is read from there as it was written: %s", (_, text) => {
    const variables = scriptVariables(text);
    expect(scriptOf({ ...variables, OTHER: "x" }) === text).toBe(true);
    for (const part of Object.values(variables)) {
      expect(part).not.toMatch(/\$\{[\w.-]+\}/);
      expect(Buffer.byteLength(part)).toBeLessThan(128 * 1024 - 100);
    }
  });

  it("has its parts in order, of more than ten too", () => {
    const text = Array.from({ length: 40_000 }, (_, at) => `${at} `).join("");
    const variables = scriptVariables(text);
    expect(Object.keys(variables).length).toBeGreaterThan(9);
    expect(scriptOf(Object.fromEntries(Object.entries(variables).toReversed())) === text).toBe(
      true,
    );
  });
});
