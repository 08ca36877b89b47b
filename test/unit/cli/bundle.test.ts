import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ROOT } from "../../../config/load.ts";

const MARK = "the bundle runs\n";
let folder: string;
let checkout: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "homelab bundle-"));
  checkout = join(folder, "cloned");
  const { stdout: files } = await execa(
    "git",
    ["ls-files", "--cached", "--others", "--exclude-standard"],
    { cwd: ROOT, lines: true },
  );
  mkdirSync(checkout);
  await execa("cp", ["--parents", ...files, checkout], { cwd: ROOT });
  symlinkSync(join(ROOT, "node_modules"), join(checkout, "node_modules"));
  await prepare();
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The folder of the bundle that is there. */
function folderOfBundle(): string {
  const { folder } = JSON.parse(readFileSync(join(checkout, "dist", "latest.json"), "utf8"));
  return join(checkout, "dist", folder);
}

/** What `npm ci` does at its end. The bundle says that it runs, from then on. */
async function prepare(): Promise<void> {
  await execa("npm", ["run", "prepare"], { cwd: checkout });
  const entry = join(folderOfBundle(), "homelab.js");
  const text = readFileSync(entry, "utf8");
  writeFileSync(entry, `process.stderr.write(${JSON.stringify(MARK)});\n${text}`);
}

async function homelab(args: readonly string[], env = {}) {
  const run = await execa("node", [join(checkout, "cli", "homelab.mjs"), ...args], {
    cwd: folder,
    env: { HOMELAB_CONFIG: "", ...env },
    reject: false,
    stripFinalNewline: false,
  });
  return { ...run, stderr: run.stderr.replace(MARK, ""), isBundled: run.stderr.startsWith(MARK) };
}

describe("the homelab command's bundle", () => {
  it("loads the config of the checkout, wherever the checkout was moved to", async () => {
    expect(await homelab(["env"], { HOMELAB_LAB_PORT: "31000" })).toMatchObject({
      isBundled: true,
      exitCode: 0,
      stdout: expect.stringContaining("MLFLOW_TRACKING_URI=http://localhost:31080\n"),
    });
    const moved = join(folder, "moved");
    renameSync(checkout, moved);
    checkout = moved;
    expect(await homelab(["env"])).toMatchObject({ isBundled: true, exitCode: 0 });
  });

  it("says in a line what is wrong with a config, where our own source finds it too", async () => {
    expect(await homelab(["env"], { HOMELAB_LAB_PORT: "high" })).toMatchObject({
      isBundled: true,
      exitCode: 2,
      stderr: expect.stringMatching(/^error: HOMELAB_LAB_PORT is "high": [^\n]*\n$/),
    });
  });

  it("finds the files that lie beside our sources", () => {
    const dist = folderOfBundle();
    const scripts = readdirSync(dist).filter((name) => name.endsWith(".js"));
    const found = scripts.flatMap((name) => [
      ...readFileSync(join(dist, name), "utf8").matchAll(
        /new URL\("([^"]+)", import\.meta\.url\)\.href/g,
      ),
    ]);
    const sources = found.map(([, path]) => join(dist, path ?? ""));
    expect(sources).toContain(join(checkout, "templates", "render.ts"));
    expect(sources.filter((each) => !existsSync(each))).toEqual([]);
  });

  it("is left alone where a source has changed, until it is made again", async () => {
    const source = join(checkout, "cli", "homelab.ts");
    const text = readFileSync(source, "utf8");
    writeFileSync(
      source,
      text.replace("A self-hosted MLflow, kept as code.", "What I made of it."),
    );
    const changed = { exitCode: 0, stdout: expect.stringContaining("What I made of it.") };
    expect(await homelab(["--help"])).toMatchObject({ isBundled: false, ...changed });
    await prepare();
    expect(await homelab(["--help"])).toMatchObject({ isBundled: true, ...changed });
  });

  it("stays whole for commands that still run when it is made again, until the time after", async () => {
    const bundles = () => readdirSync(join(checkout, "dist")).filter((name) => /^\d+$/.test(name));
    const first = folderOfBundle();
    const parts = readdirSync(first);
    await prepare();
    expect(readdirSync(first)).toEqual(parts);
    expect(bundles()).toHaveLength(2);
    await prepare();
    expect(bundles()).toHaveLength(2);
    expect(existsSync(first)).toBe(false);
  });

  it("is left alone where a source is gone, and is not needed", async () => {
    rmSync(join(checkout, "cli", "doctor.ts"));
    const { isBundled, exitCode } = await homelab(["--help"]);
    expect({ isBundled, exitCode }).toEqual({ isBundled: false, exitCode: 0 });
    rmSync(join(checkout, "dist"), { recursive: true });
    expect(await homelab(["env"])).toMatchObject({ exitCode: 0 });
  });

  it("that can't be made is told of, and nothing else fails", async () => {
    appendFileSync(join(checkout, "cli", "homelab.ts"), "\nimport './nowhere.ts';\n");
    const { stderr, exitCode } = await execa("npm", ["run", "prepare"], {
      cwd: checkout,
      reject: false,
    });
    expect(exitCode).toBe(0);
    expect(stderr).toMatch(/^The homelab command starts without its bundle, [\s\S]*nowhere/m);
    expect(existsSync(join(checkout, "dist", "latest.json"))).toBe(false);
  });
});
