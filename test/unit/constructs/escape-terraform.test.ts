import { describe, expect, it } from "vitest";
import { escapeTerraform } from "../../../constructs/escape-terraform.ts";

describe("a text for Terraform", () => {
  it.each([
    ["${x}", "$${x}"],
    ["%{if x}", "%%{if x}"],
    ["$${x}", "$$${x}"],
    ["100% $5 {{x}}", "100% $5 {{x}}"],
  ])("%s is written %s", (text, escaped) => {
    expect(escapeTerraform(text)).toBe(escaped);
  });
});
