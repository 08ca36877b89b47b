import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { type LabSettings, labSettings } from "../../../lab/settings.ts";

/** Settings of a lab in a folder that is deleted when the test ends. */
export function temporaryLab(): LabSettings {
  const dir = mkdtempSync(join(tmpdir(), "lab-test-"));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return labSettings({ ...process.env, HOMELAB_LAB: dir, HOMELAB_LAB_PORT: "61000" });
}
