import { describe, expect, it } from "vitest";
import { smallConfig, tandem } from "../synth.ts";
import { problems } from "./problems.ts";

const told = (...extraArgs: string[]) =>
  problems(smallConfig({ server: { extraArgs } })).join("\n");

describe("further options of mlflow server", () => {
  it("are those without a field of their own", () => {
    expect(told("--enable-workspaces", "--secrets-cache-ttl=300", "--x-frame-options=NONE")).toBe(
      "",
    );
  });

  it.each([
    ["--workers=4", "expected no --workers, which server.workers decides about"],
    ["--no-serve-artifacts", "expected no --no-serve-artifacts, which storage.artifacts decides"],
    ["--app-name=basic-auth", "which server.auth decides about"],
    ["--disable-security-middleware", "any page in a browser could read and delete runs"],
    ["--read-replica-backend-store-uri=x", "name MLFLOW_READ_REPLICA_BACKEND_STORE_URI in"],
    ["--secrets-cache-ttl=301", "expected --secrets-cache-ttl=VALUE with 10 to 300, in seconds"],
    ["--secrets-cache-ttl", "expected --secrets-cache-ttl=VALUE with 10 to 300"],
    ["--enable-workspaces=yes", "expected --enable-workspaces without a value"],
    ["--no-such-option", "expected an option of mlflow server, as --name or --name=value: "],
    ["-w 4", "expected an option of mlflow server"],
    ["; reboot", "expected an option of mlflow server"],
  ])("are refused with the reason: %s", (argument, why) => {
    expect(told(argument)).toContain("server.extraArgs[0]: found ");
    expect(told(argument)).toContain(why);
  });

  it("are given once", () => {
    expect(told("--x-frame-options=DENY", "--x-frame-options=NONE")).toContain(
      'server.extraArgs[1]: found "--x-frame-options=NONE"; expected --x-frame-options once',
    );
  });
});

describe("a static prefix", () => {
  it.each(["mlflow", "/mlflow/", "/", "/a//b", "/a`b", "/a{b}", "/a?b"])(
    "%s is refused",
    (prefix) => {
      expect(problems(smallConfig({ server: { staticPrefix: prefix } })).join()).toContain(
        "expected a path without a slash at its end, such as /mlflow",
      );
    },
  );

  it("is refused beside a server for artifacts alone, with the reason", () => {
    const server = { staticPrefix: "/mlflow" };
    expect(problems(smallConfig({ server, ...tandem() })).join()).toContain(
      'storage.artifactsServer: found "path"; expected none, as there is a server.staticPrefix',
    );
  });

  it.each(["", "/mlflow", "/a/b.c~d-e_f"])("may be '%s'", (prefix) => {
    expect(problems(smallConfig({ server: { staticPrefix: prefix } }))).toEqual([]);
  });
});
