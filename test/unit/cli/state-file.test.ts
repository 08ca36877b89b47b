import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { checkStateFile } from "../../../cli/state-file.ts";

function stateFile(content?: string): string {
  const folder = mkdtempSync(join(tmpdir(), "homelab-state-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "terraform.mlflow.tfstate");
  if (content !== undefined) writeFileSync(file, content);
  return file;
}

it("A damaged state is named with the copy to put back", () => {
  const file = stateFile('{"version": 4, "reso');
  writeFileSync(`${file}.backup`, "{}");
  expect(() => checkStateFile(file)).toThrow(
    `${file}: Terraform's state is damaged, it is no JSON; put the one before it back (cp ${file}.backup ${file}); the server and its data are untouched`,
  );
});

it("An empty state beside a copy is what a full disk left, and damaged too", () => {
  const file = stateFile("");
  writeFileSync(`${file}.backup`, "{}");
  expect(() => checkStateFile(file)).toThrow("is damaged");
});

it("A damaged state without a copy is given up, and the job adopted", () => {
  expect(() => checkStateFile(stateFile("garbage"))).toThrow("job.adopt: true");
});

it("No state, an empty one and a good one pass", () => {
  for (const content of [undefined, "", '{"version": 4}']) checkStateFile(stateFile(content));
});
