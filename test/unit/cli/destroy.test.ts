import { expect, it } from "vitest";
import { whatHappens } from "../../../cli/destroy.ts";
import { checkConfig } from "../../../config/check.ts";
import { smallConfig } from "../synth.ts";

it("A destroy says what ends and where the data stays before it asks", () => {
  const lines = whatHappens(checkConfig(smallConfig(), "homelab.config.ts"));
  expect(lines[0]).toBe('MLflow stops, and Nomad forgets its job "mlflow". This stays:');
  expect(lines).toContain("  runs        /srv/backend");
  expect(lines).toContain("  artifacts   /srv/artifacts");
});
