import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { describe, expect, it } from "vitest";
import { cliConfig, MIRRORED_DOCKER, PINNED, pluginFolders } from "../../../lab/providers.ts";

const { resolve } = createRequire(import.meta.url);

describe("Terraform's providers", () => {
  it.each(["docker", "nomad"] as const)("are pinned as the bindings pin them: %s", (name) => {
    const bindings = resolve(`@cdktf/provider-${name}/lib/provider/index.js`);
    expect(readFileSync(bindings, "utf8")).toContain(`providerVersion: '${PINNED[name]}'`);
  });

  it("are mirrored as the version that the Go module was pinned for", () => {
    const goMod = readFileSync(
      new URL("../../../lab/build/provider-docker/go.mod", import.meta.url),
      "utf8",
    );
    expect(MIRRORED_DOCKER).toBe("4.6.0");
    // The commit just after the tag v4.6.0; a module path without /v4 can not have that tag itself.
    expect(goMod).toContain("kreuzwerker/terraform-provider-docker v0.0.0-20260916201441-");
  });

  it("are looked for where Terraform looks by itself", () => {
    expect(pluginFolders({ HOME: "/home/me", XDG_DATA_DIRS: "/opt/share" })).toEqual([
      "/home/me/.terraform.d/plugins",
      "/home/me/.local/share/terraform/plugins",
      "/opt/share/terraform/plugins",
    ]);
  });

  it("come from the folders named in the CLI config, and the registry is not asked", () => {
    expect(cliConfig(["/lab/providers", '/odd "folder"'])).toMatchInlineSnapshot(`
      "# Written by lab-up: Terraform's registry did not answer.
      provider_installation {
        filesystem_mirror {
          path = "/lab/providers"
        }
        filesystem_mirror {
          path = "/odd \\"folder\\""
        }
      }
      "
    `);
  });
});
