import { describe, expect, it } from "vitest";
import { recap } from "../../../cli/prepare.ts";

describe("what make prepare says of each client", () => {
  it("is read from Ansible's recap, and nothing else", () => {
    const lines = [
      "PLAY RECAP *********************************************************************",
      "m700                       : ok=12   changed=0    unreachable=0    failed=0    skipped=3    rescued=0    ignored=0",
      "m710q : ok=9    changed=4    unreachable=0    failed=0    skipped=3",
      "m720 : ok=0 changed=0 unreachable=1 failed=0",
      "m900 : ok=2 changed=1 unreachable=0 failed=1",
    ];
    expect(recap(lines)).toEqual([
      "  m700: nothing to change",
      "  m710q: 4 changed",
      "  m720: unreachable",
      "  m900: failed",
    ]);
  });
});
