import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { UserError } from "../../../config/errors.ts";
import { loadConfig, ROOT } from "../../../config/load.ts";
import { smallConfig } from "../synth.ts";

const folder = mkdtempSync(join(tmpdir(), "homelab-config-"));
let count = 0;

/** A config file with this text. */
function configFile(text: string, extension: string): string {
  const file = join(folder, `config-${count++}.${extension}`);
  writeFileSync(file, text);
  return file;
}

/** Loads a config file with this text. */
async function load(text: string) {
  return loadConfig({ HOMELAB_CONFIG: configFile(text, "mjs") });
}

/** Starts the app as cdktf does, with a config file of this text. */
function start(text: string): { status: number | null; stderr: string; file: string } {
  const file = configFile(text, "ts");
  const { app } = JSON.parse(readFileSync(join(ROOT, "cdktf.json"), "utf8"));
  const env = { ...process.env, HOMELAB_CONFIG: file, CDKTF_OUTDIR: join(folder, "out") };
  return { file, ...spawnSync(app, { shell: true, cwd: ROOT, env, encoding: "utf8" }) };
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

  it("outside of the repository imports what one inside does", () => {
    const config = JSON.stringify({ ...smallConfig(), hostname: undefined });
    const { status, stderr } = start(`import { defineHomelab } from "homelab-mlflow";
import { embedded } from "homelab-mlflow/lab";
export default defineHomelab({ ...${config}, hostname: embedded.hostname });`);
    expect(stderr).toBe("");
    expect(status).toBe(0);
  });

  it("that exports nothing is refused", async () => {
    expect(await problems("export const x = 1")).toContain("exports nothing; expected");
  });

  it("that throws is refused with what it threw", async () => {
    expect(await problems('throw new Error("no such thing\\nmore")')).toMatch(
      /can't be loaded: line 1: no such thing$/,
    );
    expect(await problems("throw null")).toMatch(/can't be loaded: it throws null$/);
    expect(await problems("throw new Error()")).toMatch(/line 1: Error without a message$/);
    const unreadable = "const e = new Error(); e.__defineGetter__('message', () => { throw e });";
    expect(await problems(`${unreadable} throw e`)).toMatch(/it throws what can't be read$/);
  });

  it("that imports what is not there is refused", async () => {
    expect(await problems('import "./nowhere.mjs"; export default {}')).toMatch(
      /can't be loaded: .*nowhere\.mjs/,
    );
  });

  it("that exports a promise is refused, also one that is rejected", async () => {
    expect(await problems("export default Promise.resolve({})")).toContain("export default await");
    expect(await problems("export default Promise.reject(1)")).toContain("export default await");
  });

  it("that can't be parsed is refused", async () => {
    expect(await problems("export default {")).toContain("can't be loaded");
  });

  it("that is not there is refused", async () => {
    await expect(loadConfig({ HOMELAB_CONFIG: "/nowhere/x.ts" })).rejects.toThrow("no such file");
  });

  it("that is a directory is refused", async () => {
    await expect(loadConfig({ HOMELAB_CONFIG: folder })).rejects.toThrow(
      `${folder}: a directory, not a file; name another`,
    );
  });

  it.each([
    ["calls process.exit(0)", "process.exit(0)", "calls process.exit; throw an Error instead"],
    [
      "calls process.exit in a getter",
      "export default { get hostname() { process.exit(3) } }",
      "calls process.exit; throw an Error instead",
    ],
    [
      "awaits what does not come",
      "await new Promise(() => {}); export default {}",
      "never ends: it awaits what does not come",
    ],
    [
      "leaves a rejected promise behind",
      `Promise.reject(new Error("no network")); export default ${JSON.stringify(smallConfig())}`,
      "fails beside its export: no network",
    ],
    ["can't be parsed", "export default {", /can't be loaded: .*Unexpected token|Expected ident/],
  ])("that %s fails with one line and exit code 1", (_, text, told) => {
    const { status, stderr, file } = start(text);
    expect(stderr.trim().split("\n")).toHaveLength(1);
    expect(stderr).toMatch(told);
    expect(stderr).toContain(`error: ${file}: `);
    expect(status).toBe(1);
  });
});

describe("version.txt", () => {
  const config = configFile(`export default ${JSON.stringify(smallConfig())}`, "mjs");

  async function loadVersion(text: string | undefined): Promise<string> {
    const root = mkdtempSync(join(folder, "root-"));
    if (text !== undefined) writeFileSync(join(root, "version.txt"), text);
    return (await loadConfig({ HOMELAB_CONFIG: config }, root)).version;
  }

  it.each(["1.2.3", "1.2.3\n", "1.2.3\r\n", "\ufeff1.2.3\r\n"])("%j is 1.2.3", async (text) => {
    expect(await loadVersion(text)).toBe("1.2.3");
  });

  it.each([
    ["", 'found ""; expected one line'],
    ["\n\n", 'found ""; expected one line'],
    ["1.2.3\n1.2.4\n", 'found "1.2.3\\n1.2.4"; expected one line'],
    ["1 2", 'found "1 2"; expected'],
    ["${x}", 'found "${x}"; expected'],
    ["v".repeat(121), `found "${"v".repeat(76)}...; expected one line`],
    [undefined, "no such file"],
  ])("%j is refused", async (text, told) => {
    await expect(loadVersion(text)).rejects.toThrow(`version.txt: ${told}`);
  });

  it("that is a directory is refused", async () => {
    const root = mkdtempSync(join(folder, "root-"));
    mkdirSync(join(root, "version.txt"));
    await expect(loadConfig({ HOMELAB_CONFIG: config }, root)).rejects.toThrow(
      "version.txt: a directory, not a file; expected one line",
    );
  });
});
