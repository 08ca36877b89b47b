import { describe, expect, test } from "vitest";
import { quoteHcl } from "../../../templates/quote-hcl.ts";
import { TEXTS } from "./texts.ts";

/** The escapes that both generations of HCL know; test/integration has Nomad itself read them. */
const read = (quoted: string) =>
  quoted
    .slice(1, -1)
    .replace(/\\(u([0-9a-f]{4})|.)/g, (_, escaped: string, code?: string) =>
      code
        ? String.fromCharCode(Number.parseInt(code, 16))
        : escaped === "n"
          ? "\n"
          : escaped === "t"
            ? "\t"
            : escaped,
    );

describe("a text quoted for HCL", () => {
  test.each(TEXTS)("is read back as it was: %j", (text) => {
    expect(read(quoteHcl(text))).toBe(text);
  });

  test.each(TEXTS)("is one quoted string on one line, without interpolation: %j", (text) => {
    expect(quoteHcl(text)).toMatch(/^"(\\.|[^"\\\p{Cc}])*"$/u);
    expect(quoteHcl(text)).not.toMatch(/[$%]\{/);
  });
});

test("numbers, truth values and lists are HCL's own", () => {
  expect(quoteHcl(512)).toBe("512");
  expect(quoteHcl(false)).toBe("false");
  expect(quoteHcl(["a", "${b}"])).toBe('["a", "$\\u007bb}"]');
});
