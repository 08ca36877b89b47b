import { networkInterfaces } from "node:os";
import { describe, expect, it } from "vitest";
import { freeSubnet } from "../../../lab/dockerd.ts";
import { isUsable as isUsableNomad } from "../../../lab/nomad-binary.ts";
import { isUsable as isUsableTerraform } from "../../../lab/terraform-binary.ts";

describe("what is found on PATH", () => {
  it.each([
    ["1.9.7", false],
    ["1.10.0", true],
    ["1.11.3", true],
    ["2.0.0", false],
    ["0.12.9", false],
  ])("is a Nomad that will do, %s: %s", (version, usable) => {
    expect(isUsableNomad(version)).toBe(usable);
  });

  it.each([
    ["terraform", "1.4.9", false],
    ["terraform", "1.5.0", true],
    ["tofu", "1.5.9", false],
    ["tofu", "1.12.6-dev", true],
    ["terraform", "2.0.0", false],
  ] as const)("is a %s that will do, %s: %s", (name, version, usable) => {
    expect(isUsableTerraform(name, version)).toBe(usable);
  });
});

describe("the network of the lab's Docker", () => {
  it("is one that no interface of the machine is in", () => {
    const first = freeSubnet(24600, {});
    const address = first.split("/")[0] as string;
    const taken = { eth0: [{ address }] } as unknown as ReturnType<typeof networkInterfaces>;
    expect(freeSubnet(24600, taken)).not.toBe(first);
    expect(freeSubnet(24600, networkInterfaces())).toMatch(/^172\.28\.\d+\.1\/24$/);
  });
});
