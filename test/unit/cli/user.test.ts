import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { describe, expect, it } from "vitest";
import { ROOT } from "../../../config/load.ts";
import type { HomelabInput } from "../../../config/schema.ts";
import { basicAuth, smallConfig } from "../synth.ts";

/** Runs `homelab user` with a password on stdin; the real server is asked in test/e2e/auth.test.ts. */
async function user(args: string[], more: Partial<HomelabInput> = basicAuth(), env = {}) {
  const file = join(mkdtempSync(join(tmpdir(), "homelab-config-")), "homelab.config.mjs");
  const config = smallConfig({ url: "http://127.0.0.1:9", ...more });
  writeFileSync(file, `export default ${JSON.stringify(config)};\n`);
  const { PATH } = process.env;
  return execa("node", ["cli/homelab.mjs", "user", ...args], {
    cwd: ROOT,
    extendEnv: false,
    env: { PATH, HOMELAB_CONFIG: file, ADMIN_PASSWORD: "a long password", ...env },
    input: "short\n",
    reject: false,
  });
}

describe("homelab user", () => {
  it.each<[string[], Partial<HomelabInput> | undefined, string]>([
    [["list"], {}, "server.auth: found none: this deployment has no users"],
    [["add", "a:b"], undefined, 'name: found "a:b"; expected at most 255 ASCII characters'],
    [["add", "ada"], undefined, "password: is shorter than the 12 characters that MLflow wants"],
    [["password", "admin"], undefined, "is the config's; change server.auth.admin.password"],
    [["remove", "admin"], undefined, "is the config's; change server.auth.admin.username"],
    [["grant", "ada", "WRITE", "--model", "m"], undefined, 'permission: found "WRITE"; expected'],
    [["grant", "ada", "EDIT"], undefined, "expected either --experiment NAME or --model NAME"],
    [
      ["revoke", "ada", "--model", "a", "--experiment", "b"],
      undefined,
      "expected either --experiment NAME or --model NAME",
    ],
    [["add"], undefined, "missing required argument 'name'"],
  ])("%j is refused in a line with 2", async (args, more, told) => {
    const { stderr, stdout, exitCode } = await user(args, more);
    expect(stderr).toContain(told);
    expect(stderr).not.toMatch(/^\s+at /m);
    expect(stdout).toBe("");
    expect(exitCode).toBe(2);
  });

  it("names the admin's password where it is missing", async () => {
    const { stderr, exitCode } = await user(["list"], basicAuth(), { ADMIN_PASSWORD: "" });
    expect(stderr).toContain(
      "error: server.auth.admin.password: the environment variable ADMIN_PASSWORD is empty",
    );
    expect(exitCode).toBe(2);
  });

  it("ends with 1 where MLflow does not answer", async () => {
    const { stderr, exitCode } = await user(["list"]);
    expect(stderr).toBe("error: MLflow: connection refused; does it run? npx homelab doctor tells");
    expect(exitCode).toBe(1);
  });
});
