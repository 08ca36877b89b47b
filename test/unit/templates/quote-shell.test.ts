import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { quoteShell } from "../../../templates/quote-shell.ts";
import { TEXTS } from "./texts.ts";

const WITHOUT_NUL = TEXTS.map((text) => text.replaceAll("\u0000", ""));

test.each(WITHOUT_NUL)("a text quoted for the shell is one word to it: %j", (text) => {
  const printed = execFileSync("sh", ["-c", `printf '%s|' ${quoteShell(text)} end`], {
    encoding: "utf8",
  });
  expect(printed).toBe(`${text}|end|`);
});

test("what needs no quotes gets none", () => {
  expect(quoteShell("/srv/mlflow-1.0/a_b")).toBe("/srv/mlflow-1.0/a_b");
});
