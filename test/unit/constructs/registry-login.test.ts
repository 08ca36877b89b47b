import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { registryLogin } from "../../../constructs/registry-login.ts";

/** An environment whose docker configuration says this. */
function dockerConfig(text?: string): NodeJS.ProcessEnv {
  const DOCKER_CONFIG = mkdtempSync(join(tmpdir(), "homelab-docker-"));
  if (text !== undefined) writeFileSync(join(DOCKER_CONFIG, "config.json"), text);
  return { DOCKER_CONFIG };
}

describe("docker's own login for a registry", () => {
  it.each([
    ['{"auths": {"registry.lan:5000": {"auth": "eDp5"}}}'],
    ['{"auths": {"https://registry.lan:5000": {}}, "credsStore": "pass"}'],
    ['{"credHelpers": {"registry.lan:5000": "pass"}}'],
  ])("is found in %s", (text) => {
    const env = dockerConfig(text);
    expect(registryLogin("registry.lan:5000", env)).toBe(
      join(env.DOCKER_CONFIG ?? "", "config.json"),
    );
  });

  it.each([[undefined], ["{}"], ["not json"], ['{"auths": {"other.lan": {}}}']])(
    "is none where the configuration is %s",
    (text) => {
      expect(registryLogin("registry.lan:5000", dockerConfig(text))).toBeUndefined();
    },
  );
});
