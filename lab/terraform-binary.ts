import { execa } from "execa";
import { goBuild } from "./go-build.ts";
import { onPath } from "./on-path.ts";
import { fromRelease } from "./release.ts";
import type { Source } from "./state.ts";
import type { Work } from "./work.ts";

const VERSION = "1.12.6";
/** From tofu_1.12.6_SHA256SUMS of OpenTofu's release. */
const SHA256: Partial<Record<NodeJS.Architecture, string>> = {
  x64: "5dc43da4f750f33873dc25e94587128709e819e544b7be9016b255316153c3a8",
  arm64: "e573979ba68a17fe7b881752051a694a7efcd970e39521f6a25775197861ed4d",
};

/** The oldest minor release of 1.x with terraform_data as it is used here. */
const OLDEST_MINOR = { terraform: 5, tofu: 6 } as const;
type TerraformName = keyof typeof OLDEST_MINOR;

/** Terraform or OpenTofu: from PATH, else OpenTofu's release, else OpenTofu built from Go modules. */
export async function terraformBinary(work: Work): Promise<{ path: string; source: Source }> {
  for (const name of ["terraform", "tofu"] as const) {
    const installed = onPath(name);
    const version = installed && (await terraformVersion(installed));
    if (version && isUsable(name, version)) {
      const part = name === "terraform" ? "Terraform" : "OpenTofu";
      return { path: installed, source: { part, version, from: installed } };
    }
  }
  const sha256 = SHA256[process.arch];
  if (sha256) {
    const arch = process.arch === "x64" ? "amd64" : process.arch;
    const url = `https://github.com/opentofu/opentofu/releases/download/v${VERSION}/tofu_${VERSION}_linux_${arch}.zip`;
    const released = await fromRelease({ url, sha256, program: "tofu" }, work);
    if (released) return openTofu(released, "OpenTofu's release");
  }
  const built = await goBuild(
    {
      folder: "opentofu",
      package: "github.com/opentofu/opentofu/cmd/tofu",
      program: "tofu",
      title: "OpenTofu",
      // Else it takes itself for a development version of the next release.
      ldflags: "-X github.com/opentofu/opentofu/version.dev=no",
    },
    work,
  );
  return openTofu(built, "built from pinned Go modules");
}

export function isUsable(name: TerraformName, version: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major === 1 && minor >= OLDEST_MINOR[name];
}

async function terraformVersion(binary: string): Promise<string | undefined> {
  const { stdout } = await execa(binary, ["version", "-json"], {
    // Its check for a newer release waits for a host that may be out of reach.
    env: { CHECKPOINT_DISABLE: "1" },
    reject: false,
  });
  try {
    return JSON.parse(stdout.slice(stdout.indexOf("{"))).terraform_version;
  } catch {
    return undefined;
  }
}

function openTofu(path: string, from: string): { path: string; source: Source } {
  return { path, source: { part: "OpenTofu", version: VERSION, from } };
}
