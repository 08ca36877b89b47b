import { describe, expect, it } from "vitest";
import { howToOpen } from "../../../../sweep/sidecars/kept-runs.ts";

const commands = (store: string) =>
  `npx homelab files download ${store} --into DIR, then npx homelab sweep open mine --data DIR`;

describe("the runs of a sidecar that has ended", () => {
  it("are opened from its file store, where it is known", () => {
    expect(howToOpen("mine", ["mine-mlflow"])).toBe(
      `${commands("mine-mlflow")} opens what it kept there`,
    );
  });

  it("are opened from a file store that is to be found, where it had several or nobody knows", () => {
    const found = `${commands("STORE")} opens what it kept in a file store; npx homelab files list shows the stores`;
    expect(howToOpen("mine", undefined)).toBe(found);
    expect(howToOpen("mine", ["a", "b"])).toBe(found);
  });

  it("are not promised where it had none", () => {
    expect(howToOpen("mine", [])).toBe("it had no file store to keep its runs in");
  });
});
