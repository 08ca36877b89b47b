import { execa } from "execa";
import { goBuild } from "./go-build.ts";
import { onPath } from "./on-path.ts";
import { fromRelease } from "./release.ts";
import type { Source } from "./state.ts";
import type { Work } from "./work.ts";

/** The version that is downloaded or built. */
export const NOMAD_VERSION = "1.11.3";
/** From nomad_1.11.3_SHA256SUMS at releases.hashicorp.com. */
const SHA256: Partial<Record<NodeJS.Architecture, string>> = {
  x64: "19dac5642a2ba5305e6ff8efee06a708d760ebe4d1cd7936bc3dc526f477dc12",
  arm64: "902e44260fcd9297af7042fb33ccd5a29cc2202b57199724f17c96fcd67414d2",
};

/** Nomad: from PATH, else HashiCorp's release, else built from its Go module. */
export async function nomadBinary(work: Work): Promise<{ path: string; source: Source }> {
  const installed = onPath("nomad");
  if (installed) {
    const version = await nomadVersion(installed);
    if (version && isUsable(version)) return found(installed, version, installed);
  }
  const sha256 = SHA256[process.arch];
  if (sha256) {
    const arch = process.arch === "x64" ? "amd64" : process.arch;
    const url = `https://releases.hashicorp.com/nomad/${NOMAD_VERSION}/nomad_${NOMAD_VERSION}_linux_${arch}.zip`;
    const released = await fromRelease({ url, sha256, program: "nomad" }, work);
    if (released) return found(released, NOMAD_VERSION, "HashiCorp's release");
  }
  const built = await goBuild(
    { folder: "nomad", package: "github.com/hashicorp/nomad", program: "nomad", title: "Nomad" },
    work,
  );
  return found(built, NOMAD_VERSION, "built from pinned Go modules");
}

/** Dynamic host volumes and what the jobspec uses need 1.10; 2 is not tried. */
export function isUsable(version: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major === 1 && minor >= 10;
}

async function nomadVersion(binary: string): Promise<string | undefined> {
  const { stdout } = await execa(binary, ["version"], { reject: false });
  return /^Nomad v(\d+\.\d+\.\d+)/.exec(stdout)?.[1];
}

function found(path: string, version: string, from: string): { path: string; source: Source } {
  return { path, source: { part: "Nomad", version, from } };
}
