import { describe, expect, it, vi } from "vitest";
import { sweepCommand } from "../../../cli/sweep/context.ts";
import { checkConfig } from "../../../config/check.ts";
import { smallConfig } from "../synth.ts";

describe("the command that a user is told", () => {
  const told = (nomad: object, namespace: string) => {
    const config = checkConfig(smallConfig({ nomad }), "homelab.config.ts");
    return sweepCommand({ config, target: { region: "global", namespace } }, "retry mine --failed");
  };

  it("finds the sweep where it is, and is short where that is the config's namespace", () => {
    vi.stubEnv("NOMAD_NAMESPACE", undefined);
    const short = "npx homelab sweep retry mine --failed";
    expect(told({}, "default")).toBe(short);
    expect(told({ namespace: "ml" }, "ml")).toBe(short);
    expect(told({ namespace: "ml" }, "default")).toBe(`${short} --namespace default`);
    expect(told({}, "ml")).toBe(`${short} --namespace ml`);
    vi.unstubAllEnvs();
  });
});
