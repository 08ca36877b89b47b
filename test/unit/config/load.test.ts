import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { UserError } from "../../../config/errors.ts";
import { loadConfig } from "../../../config/load.ts";
import { smallConfig } from "../synth.ts";

const folder = mkdtempSync(join(tmpdir(), "homelab-config-"));
let count = 0;

/** Loads a config file with this text. */
async function load(text: string) {
  const file = join(folder, `config-${count++}.mjs`);
  writeFileSync(file, text);
  return loadConfig({ HOMELAB_CONFIG: file });
}

async function problems(text: string): Promise<string> {
  const error = await load(text).catch((thrown) => thrown);
  expect(error).toBeInstanceOf(UserError);
  return (error as UserError).message;
}

describe("a config file", () => {
  it("is loaded with the version that version.txt names", async () => {
    const { config, version } = await load(`export default ${JSON.stringify(smallConfig())}`);
    expect(config.hostname).toBe("mlflow.lan");
    expect(version).toMatch(/^\d/);
  });

  it("that exports nothing is refused", async () => {
    expect(await problems("export const x = 1")).toContain("exports nothing; expected");
  });

  it("that throws is refused with what it threw", async () => {
    expect(await problems('throw new Error("no such thing\\nmore")')).toMatch(
      /can't be loaded: no such thing$/,
    );
  });

  it("that can't be parsed is refused", async () => {
    expect(await problems("export default {")).toContain("can't be loaded");
  });

  it("that is not there is refused", async () => {
    await expect(loadConfig({ HOMELAB_CONFIG: "/nowhere/x.ts" })).rejects.toThrow("no such file");
  });
});
