import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { execa } from "execa";
import { stringify } from "yaml";
import { downloadPackage } from "./debian-packages.ts";
import { labErrors } from "./errors.ts";
import { onPath } from "./on-path.ts";
import { ensureServer, type ServerCommand, stopServer } from "./servers.ts";
import type { LabSettings } from "./settings.ts";
import type { Source } from "./state.ts";
import type { Work } from "./work.ts";
import { writeIfChanged } from "./write-file.ts";

/**
 * The registry program: from PATH, else out of Debian's package. That is unpacked and not
 * installed, since its installation would start a registry on port 5000 of all addresses.
 */
export async function registryBinary(work: Work): Promise<{ path: string; source: Source }> {
  const installed = onPath("docker-registry");
  if (installed) return found(installed, installed);
  const path = join(work.settings.cacheDir, "docker-registry", "usr", "bin", "docker-registry");
  if (existsSync(path)) return found(path, "Debian's package");
  if (!onPath("apt-get"))
    throw labErrors.toolMissing(
      "docker-registry",
      "there is no apt-get",
      "put Docker's registry (https://github.com/distribution/distribution) on PATH as docker-registry",
    );
  const root = join(work.settings.cacheDir, "docker-registry");
  mkdirSync(dirname(root), { recursive: true });
  const unfinished = mkdtempSync(`${root}.`);
  try {
    await downloadPackage("docker-registry", unfinished, work);
    await execa("sh", ["-c", "dpkg-deb --extract ./*.deb ."], { cwd: unfinished });
    rmSync(root, { recursive: true, force: true });
    renameSync(unfinished, root);
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
  return found(path, "Debian's package");
}

/** The lab's registry, healthy. A changed configuration starts it anew. */
export async function ensureRegistry(binary: string, work: Work): Promise<"started" | "running"> {
  const { settings } = work;
  mkdirSync(settings.registry.dataDir, { recursive: true });
  if (writeIfChanged(settings.registry.configFile, registryConfig(settings)))
    await stopServer(settings, "registry");
  return ensureServer(settings, registry(settings, binary), work.signal);
}

/** The registry's configuration: https://distribution.github.io/distribution/about/configuration/ */
export function registryConfig(settings: LabSettings): string {
  return stringify({
    version: "0.1",
    log: { level: "warn" },
    storage: {
      filesystem: { rootdirectory: settings.registry.dataDir },
      delete: { enabled: true },
    },
    http: { addr: `127.0.0.1:${settings.ports.registry}` },
  });
}

function registry(settings: LabSettings, binary: string): ServerCommand {
  const url = `http://127.0.0.1:${settings.ports.registry}/v2/`;
  return {
    name: "registry",
    command: [binary, "serve", settings.registry.configFile],
    unhealthy: async () => {
      try {
        const response = await fetch(url, { signal: AbortSignal.timeout(5000) });
        return response.ok ? undefined : `${url} answers ${response.status}`;
      } catch {
        return `${url} does not answer`;
      }
    },
    patience: 60,
  };
}

function found(path: string, from: string): { path: string; source: Source } {
  return { path, source: { part: "registry", version: "", from } };
}
