import { describe, expect, it } from "vitest";
import { checkConfig } from "../../../config/check.ts";
import { filesJob, filesVolume } from "../../../files/job.ts";
import { smallConfig, filesVolume as withFiles } from "../synth.ts";

const target = { region: "global", namespace: "default" };

describe("the job of the file server", () => {
  it("mounts the volume alone, as its owner, on a port that Nomad picks", () => {
    const config = checkConfig(smallConfig(withFiles()), "homelab.config.ts");
    const hcl = filesJob("homelab-files-1a2b", config, target, "python:3.12");
    expect(hcl).toContain('source    = "mlflow-files"');
    expect(hcl).toContain('user         = "1000:1000"');
    expect(hcl).toMatch(/port "files" \{\}/);
    expect(hcl).not.toMatch(/^\s+static\s/m);
  });

  it("is refused with what to add where there is no volume for files", () => {
    const config = checkConfig(smallConfig(), "homelab.config.ts");
    expect(() => filesVolume(config, "--filestore")).toThrow(
      /^--filestore: found no volume for files in the config; expected one, such as volumes: \{ \.\.\., files:/,
    );
  });
});
