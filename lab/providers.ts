/** Decides where Terraform's providers come from, and sets that up. */
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from "node:fs";
import { homedir } from "node:os";
import { basename, dirname, join } from "node:path";
import { goBuild } from "./go-build.ts";
import { getJson } from "./http.ts";
import type { LabState, Source } from "./state.ts";
import type { Work } from "./work.ts";
import { writeIfChanged } from "./write-file.ts";

/** What the bindings @cdktf/provider-docker and @cdktf/provider-nomad pin; a test compares them. */
export const PINNED = { docker: "3.6.2", nomad: "2.5.2" } as const;

/** What lab/build/provider-docker builds: the commit just after this release. */
export const MIRRORED_DOCKER = "4.6.0";

const DISCOVERY_SECONDS = 5;

export interface Providers {
  readonly nomadProvider: LabState["nomadProvider"];
  readonly terraformRc?: string;
  readonly dockerProviderVersion?: string;
  readonly sources: readonly Source[];
}

/**
 * The providers: from their registry when it answers. Else kreuzwerker/docker out of a plugin
 * folder or a mirror built here, and hashicorp/nomad out of a plugin folder or not at all.
 *
 * @param before what an earlier lab-up decided. It stays as long as Terraform's state remembers
 *   resources: an apply that changed from the provider to the CLI would purge the job on its way.
 */
export async function ensureProviders(
  terraform: string,
  before: LabState["nomadProvider"] | undefined,
  work: Work,
): Promise<Providers> {
  const { settings } = work;
  // terraform and tofu read "kreuzwerker/docker" as a name in a registry of their own each.
  const host = basename(terraform) === "tofu" ? "registry.opentofu.org" : "registry.terraform.io";
  const kept = before && hasResources(settings.terraform.stateFile) ? before : undefined;
  if (kept === "registry" || (!kept && (await registryAnswers(host)))) {
    rmSync(settings.terraform.cliConfig, { force: true });
    return {
      nomadProvider: "registry",
      sources: [source("docker", PINNED.docker, host), source("nomad", PINNED.nomad, host)],
    };
  }

  const folders = pluginFolders();
  const dockerFolder = folders.find((f) => holds(f, host, "kreuzwerker", "docker", PINNED.docker));
  if (!dockerFolder) await fillMirror(host, work);
  const nomadFolder = folders.find((f) => holds(f, host, "hashicorp", "nomad", PINNED.nomad));
  const nomadProvider = kept ?? (nomadFolder ? "plugin" : "cli");
  writeIfChanged(
    settings.terraform.cliConfig,
    cliConfig([settings.terraform.mirrorDir, ...folders].filter((folder) => existsSync(folder))),
  );
  return {
    nomadProvider,
    terraformRc: settings.terraform.cliConfig,
    ...(dockerFolder ? {} : { dockerProviderVersion: MIRRORED_DOCKER }),
    sources: [
      dockerFolder
        ? source("docker", PINNED.docker, dockerFolder)
        : source("docker", MIRRORED_DOCKER, "built from pinned Go modules"),
      nomadProvider === "plugin"
        ? source("nomad", PINNED.nomad, nomadFolder ?? "a plugin folder")
        : source("nomad", "", "not to be had, the nomad command registers the job instead"),
    ],
  };
}

/** Where Terraform looks for plugins by itself, as long as no config of ours says otherwise. */
export function pluginFolders(env: NodeJS.ProcessEnv = process.env): string[] {
  // https://developer.hashicorp.com/terraform/cli/config/config-file#implied-local-mirror-directories
  const home = env.HOME || homedir();
  const dataHome = env.XDG_DATA_HOME || join(home, ".local", "share");
  const dataDirs = (env.XDG_DATA_DIRS || "/usr/local/share:/usr/share").split(":");
  return [
    join(home, ".terraform.d", "plugins"),
    join(dataHome, "terraform", "plugins"),
    ...dataDirs.filter((dir) => dir !== "").map((dir) => join(dir, "terraform", "plugins")),
  ];
}

/**
 * A Terraform CLI config that names folders and nothing else: with a `direct` beside them Terraform
 * asks the registry for more versions, and fails because it does not answer.
 */
export function cliConfig(folders: readonly string[]): string {
  const mirrors = folders.map(
    (folder) => `  filesystem_mirror {\n    path = ${JSON.stringify(folder)}\n  }\n`,
  );
  return `# Written by lab-up: Terraform's registry did not answer.\nprovider_installation {\n${mirrors.join("")}}\n`;
}

async function fillMirror(host: string, work: Work): Promise<void> {
  const platform = `linux_${process.arch === "x64" ? "amd64" : process.arch}`;
  const name = `terraform-provider-docker_v${MIRRORED_DOCKER}`;
  const built = await goBuild(
    {
      folder: "provider-docker",
      package: "github.com/terraform-providers/terraform-provider-docker",
      program: name,
      title: "the docker provider",
    },
    work,
  );
  const folder = join(work.settings.terraform.mirrorDir, host, "kreuzwerker", "docker");
  const path = join(folder, MIRRORED_DOCKER, platform, name);
  if (existsSync(path)) return;
  // Of several versions Terraform would have to choose one.
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(dirname(path), { recursive: true });
  copyFileSync(built, `${path}.new`);
  chmodSync(`${path}.new`, 0o755);
  renameSync(`${path}.new`, path);
}

/** Whether the registry's discovery document is there, as the provider protocol wants it. */
async function registryAnswers(host: string): Promise<boolean> {
  const document = await getJson(`https://${host}/.well-known/terraform.json`, DISCOVERY_SECONDS);
  return typeof document === "object" && document !== null && "providers.v1" in document;
}

function holds(
  folder: string,
  host: string,
  owner: string,
  name: string,
  version: string,
): boolean {
  const platform = `linux_${process.arch === "x64" ? "amd64" : process.arch}`;
  const provider = join(folder, host, owner, name);
  return (
    existsSync(join(provider, version, platform)) ||
    existsSync(join(provider, `terraform-provider-${name}_${version}_${platform}.zip`))
  );
}

function hasResources(stateFile: string): boolean {
  try {
    return JSON.parse(readFileSync(stateFile, "utf8")).resources.length > 0;
  } catch {
    return false;
  }
}

function source(name: string, version: string, from: string): Source {
  return { part: `Terraform provider ${name}`, version, from };
}
