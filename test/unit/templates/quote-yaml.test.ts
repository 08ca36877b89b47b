import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { quoteYaml } from "../../../templates/quote-yaml.ts";
import { TEXTS } from "./texts.ts";

const read = (text: string) =>
  parse(text, { customTags: [{ tag: "!unsafe", resolve: (value: string) => value }] });

describe("a text quoted for YAML", () => {
  test.each(TEXTS)("is read back as it was: %j", (text) => {
    expect(read(`key: ${quoteYaml(text)}\nnext: 1\n`)).toEqual({ key: text, next: 1 });
    expect(read(`- ${quoteYaml([text, text])}\n`)).toEqual([[text, text]]);
  });

  test.each(TEXTS)("stays on one line: %j", (text) => {
    expect(quoteYaml(text)).not.toMatch(/[\n\r\u0085\u2028\u2029]/);
  });

  test.each(["{{ 1/0 }}", "a {% raw %}", "{# c #}", "{{"])(
    "is not for Ansible to template: %j",
    (text) => expect(quoteYaml(text)).toMatch(/^!unsafe "/),
  );

  test("that looks like something else stays a text", () => {
    for (const text of ["true", "null", "0750", "1e3", "~", "2020-01-01"])
      expect(read(quoteYaml(text))).toBe(text);
  });
});

test("numbers and truth values stay what they are in YAML", () => {
  expect(read(quoteYaml(1000))).toBe(1000);
  expect(read(quoteYaml(true))).toBe(true);
});
