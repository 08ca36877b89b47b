import { writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { labEnvironment } from "../../../lab/environment.ts";
import { type LabState, readLabState, writeLabState } from "../../../lab/state.ts";
import { temporaryLab } from "./temporary-lab.ts";

const state: LabState = {
  dockerHost: "unix:///var/run/docker.sock",
  nomadBinary: "/usr/bin/nomad",
  terraformBinary: "/usr/bin/terraform",
  nomadProvider: "registry",
  ansiblePlaybook: "/usr/bin/ansible-playbook",
  baseImage: "python:3.11-slim-bookworm",
  sources: [{ part: "Nomad", version: "1.11.3", from: "/usr/bin/nomad" }],
};

describe("the state of the lab", () => {
  it("is read as it was written", () => {
    const settings = temporaryLab();
    writeLabState(settings, state);
    expect(readLabState(settings)).toEqual(state);
  });

  it("is nothing before the first lab-up", () => {
    expect(readLabState(temporaryLab())).toBeUndefined();
  });

  it.each([
    ["half a file", '{ "dockerHost":', "JSON"],
    ["another version's", JSON.stringify({ ...state, nomadProvider: "guess" }), "nomadProvider"],
    ["a stranger's", "{}", "dockerHost"],
  ])("is refused when it is %s, with a way out", (_, text, problem) => {
    const settings = temporaryLab();
    writeFileSync(settings.stateFile, text);
    expect(() => readLabState(settings)).toThrow(problem);
    expect(() => readLabState(settings)).toThrow("run lab-up, which writes it again");
  });
});

describe("labEnvironment", () => {
  it("names the Docker that builds, which buildx does not learn from the provider", () => {
    expect(labEnvironment(state).env.DOCKER_HOST).toBe("unix:///var/run/docker.sock");
  });

  it("names the terraform that was found, and leaves its config alone", () => {
    const { env, cdktfFlags } = labEnvironment(state);
    expect(env.TERRAFORM_BINARY_NAME).toBe("/usr/bin/terraform");
    expect(env).not.toHaveProperty("TF_CLI_CONFIG_FILE");
    expect(cdktfFlags).toEqual([]);
  });

  it("keeps cdktf from asking the registry, and from a cache of all stacks, where providers come from a mirror", () => {
    const { env, cdktfFlags } = labEnvironment({ ...state, terraformRc: "/lab/terraform.rc" });
    expect(env.TF_CLI_CONFIG_FILE).toBe("/lab/terraform.rc");
    expect(env.CDKTF_DISABLE_PLUGIN_CACHE_ENV).toBe("1");
    expect(cdktfFlags).toEqual(["--skip-provider-lock"]);
  });

  it("says what to run when the lab was never up", () => {
    expect(() => labEnvironment(undefined)).toThrow("run make lab-up");
  });
});
