import { describe, expect, it } from "vitest";
import { passwordProblem } from "../../../config/auth.ts";
import { checkConfig } from "../../../config/check.ts";
import type { HomelabInput } from "../../../config/schema.ts";
import { basicAuth, shared, smallConfig, tandem } from "../synth.ts";
import { problems } from "./problems.ts";

describe("who is let in", () => {
  it("is everybody when nothing is said", () => {
    expect(checkConfig(smallConfig(), "homelab.config.ts").server.auth).toEqual({ type: "none" });
  });

  it("are MLflow's users, who may read what is another's, with two workers in the default memory", () => {
    const { auth } = checkConfig(smallConfig(basicAuth()), "homelab.config.ts").server;
    expect(auth).toMatchObject({
      admin: { username: "admin" },
      defaultPermission: "READ",
      cacheSeconds: 30,
    });
  });

  it("takes more memory, for each worker too", () => {
    expect(problems(smallConfig({ ...basicAuth(), ...shared() }))).toEqual([
      "homelab.config.ts: resources.memory: found 512; expected at least 576 MiB for server.workers = 2, postgresql and s3 and auth; raise resources.memory or lower server.workers",
    ]);
  });

  it.each<[string, Partial<HomelabInput>, string]>([
    [
      "a login of Traefik's as well",
      { ...basicAuth(), traefik: { basicAuth: { usersFile: "/etc/users" } } },
      "expected none, as server.auth is basic: both read the one Authorization header",
    ],
    [
      "a server for artifacts alone",
      { ...basicAuth(), ...tandem() },
      'storage.artifactsServer: found "path"; expected none, as server.auth is basic: a server for artifacts alone knows neither users',
    ],
    [
      "an admin whose name ends at a colon",
      basicAuth({ admin: { username: "a:b", password: { env: "A" } } }),
      'server.auth.admin.username: found "a:b"; expected a name of at most 255 ASCII characters, without colons',
    ],
    [
      "a permission that MLflow does not know",
      basicAuth({ defaultPermission: "WRITE" }),
      'one of "NO_PERMISSIONS", "READ", "USE", "EDIT", "MANAGE"',
    ],
    [
      "a password in a variable that is no secret",
      { server: { env: { MLFLOW_AUTH_ADMIN_PASSWORD: "x" } } },
      "expected a variable that the deploy does not set by itself",
    ],
    [
      "fewer connections than three pools of each worker need",
      {
        ...basicAuth(),
        ...shared(),
        storage: {
          ...shared().storage,
          backendStore: { type: "postgresql", uri: { env: "A" }, connections: 20 },
        },
      },
      "found 20; expected at least 24, for 2 in each of 12 pools",
    ],
  ])("is refused with %s, with the reason", (_, more, told) => {
    expect(problems(smallConfig(more)).join("\n")).toContain(told);
  });

  it("never shows a password that somebody wrote in place of where it is", () => {
    const found = problems(smallConfig(basicAuth({ admin: { password: "hunter2hunter2" } })));
    expect(found.join()).toContain("never the secret itself");
    expect(found.join()).not.toContain("hunter2");
  });
});

describe("the admin's password", () => {
  it.each([
    ["twelve chars", undefined],
    ["all \"of' {{them}} %40 ${x}:~", undefined],
    ["eleven char", expect.stringContaining("shorter than the 12 characters")],
    [
      "twelve chars é",
      expect.stringContaining("beyond ASCII, which MLflow refuses where artifacts"),
    ],
    ["password1234", expect.stringContaining("older versions of MLflow came with")],
  ])("%s is one that MLflow takes, or not, and is not shown", (password, problem) => {
    const found = passwordProblem(password);
    expect(found).toEqual(problem);
    expect(found ?? "").not.toContain(password);
  });
});
