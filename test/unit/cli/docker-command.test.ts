import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { describe, expect, it } from "vitest";
import { dockerCommand } from "../../../cli/docker-command.ts";

/** A folder with a docker command of a version, that knows buildx or does not. */
function folderWith(version: string, buildx: boolean): string {
  const folder = mkdtempSync(join(tmpdir(), "homelab-docker-"));
  const script = `#!/bin/sh
case "$1" in
  --version) echo "Docker version ${version}, build abc" ;;
  buildx) exit ${buildx ? 0 : 1} ;;
esac
`;
  writeFileSync(join(folder, "docker"), script, { mode: 0o755 });
  return folder;
}

describe("the docker command", () => {
  it("is the first that can build with BuildKit", async () => {
    const bare = folderWith("28.2.2", false);
    const old = folderWith("20.10.24+dfsg1", false);
    expect(await dockerCommand([bare, old].join(delimiter))).toBe(join(old, "docker"));
    const whole = folderWith("28.2.2", true);
    expect(await dockerCommand([bare, whole].join(delimiter))).toBe(join(whole, "docker"));
  });

  it("is asked for with what to install when there is none", async () => {
    await expect(dockerCommand("/nowhere")).rejects.toThrow("install Docker's client");
    await expect(dockerCommand(folderWith("28.2.2", false))).rejects.toThrow(
      "docker-buildx-plugin",
    );
  });
});
