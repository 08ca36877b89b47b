import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import type { SecretSource } from "../../../config/secret.ts";
import { readSecrets } from "../../../secrets/read.ts";
import type { SecretSources } from "../../../secrets/spec.ts";

const folder = mkdtempSync(join(tmpdir(), "homelab-secrets-"));
afterAll(() => rmSync(folder, { recursive: true }));

function file(content: string | Buffer): string {
  const path = join(folder, "secret");
  writeFileSync(path, content);
  return path;
}

function named(sources: Record<string, SecretSource>): SecretSources {
  return Object.fromEntries(
    Object.entries(sources).map(([name, source]) => [
      name,
      { key: `server.secrets.${name}`, source },
    ]),
  );
}

describe("the secrets of a deploy", () => {
  it("are read from variables as they are, and from files without the line break at the end", () => {
    const sources = named({ A: { env: "SECRET_A" }, B: { file: file(" b\nc \n") } });
    expect(readSecrets(sources, { SECRET_A: " a\n" })).toEqual({ A: " a\n", B: " b\nc " });
  });

  it("are told of all at once where they are missing, without what was found", () => {
    const sources = named({
      A: { env: "NOT_SET" },
      B: { env: "EMPTY" },
      C: { file: join(folder, "none") },
      D: { file: file(Buffer.from([0xff, 0x00, 0x41])) },
      E: { file: folder },
    });
    expect(() => readSecrets(sources, { EMPTY: " \n" })).toThrow(
      [
        "server.secrets.A: the environment variable NOT_SET is not set; set it where you run this",
        "server.secrets.B: the environment variable EMPTY is empty; put the secret there",
        `server.secrets.C: the file ${folder}/none can't be read (no such file: ${folder}/none); make it readable where you run this`,
        `server.secrets.D: the file ${folder}/secret holds no text; put the secret there`,
        `server.secrets.E: the file ${folder} can't be read (a directory, not a file); make it readable where you run this`,
      ].join("\n"),
    );
  });
});
