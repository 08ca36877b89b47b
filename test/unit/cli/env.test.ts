import { describe, expect, it } from "vitest";
import { clientEnvironment } from "../../../cli/env.ts";
import { detectShell, exportsFor } from "../../../client/shells.ts";
import { checkConfig } from "../../../config/check.ts";
import type { HomelabInput } from "../../../config/schema.ts";
import { basicAuth, smallConfig } from "../synth.ts";

const NOBODY = { HOME: "/nonexistent" };
const PASSWORD = { MLFLOW_TRACKING_PASSWORD: "secret" };

function environment(
  options: Parameters<typeof clientEnvironment>[2],
  own: NodeJS.ProcessEnv = {},
  more: Partial<HomelabInput> = {},
) {
  const config = checkConfig(smallConfig(more), "homelab.config.ts");
  return clientEnvironment(config, "sh", options, { ...NOBODY, ...own });
}

describe("the environment of a client", () => {
  it("is the deployment's URL, and no more where no login is asked for", () => {
    expect(environment({})).toEqual({
      variables: { MLFLOW_TRACKING_URI: "http://mlflow.lan" },
      notices: [],
    });
    const { variables } = environment({}, {}, { url: "https://mlflow.lan:8443" });
    expect(variables).toEqual({ MLFLOW_TRACKING_URI: "https://mlflow.lan:8443" });
  });

  it("says that a login is asked for, by Traefik or by MLflow", () => {
    const asks = ["this deployment asks for a login: add --user NAME"];
    expect(environment({}, {}, basicAuth()).notices).toEqual(asks);
    const traefik = { basicAuth: { usersFile: "/etc/users" } };
    expect(environment({}, {}, { traefik }).notices).toEqual(asks);
    const off = { ...traefik, enable: false };
    expect(environment({}, {}, { traefik: off }).notices).toEqual([]);
  });

  it("does not depend on where the client was before", () => {
    const own = { MLFLOW_TRACKING_URI: "no url" };
    expect(environment({}, own).variables).toEqual({ MLFLOW_TRACKING_URI: "http://mlflow.lan" });
  });

  it("says that artifacts have a server with a name of its own", () => {
    const hostname = { route: "hostname", hostname: "artifacts.lan" } as const;
    const notices = (artifactsServer: NonNullable<HomelabInput["storage"]>["artifactsServer"]) =>
      environment({}, {}, { storage: { artifactsServer } }).notices;
    expect(notices(hostname)).toEqual([
      "artifacts go to artifacts.lan, which the client has to reach as well",
    ]);
    expect(notices({ route: "path" })).toEqual([]);
  });

  it("names the bucket's server where clients speak to it, and never the server's own keys", () => {
    const credentials = { accessKeyId: { env: "S3_KEY" }, secretAccessKey: { env: "S3_SECRET" } };
    const artifacts = { type: "s3", bucket: "runs", endpoint: "http://nas.lan:7070", credentials };
    const inBucket = (access: "proxied" | "direct") => ({
      storage: { artifacts: { ...artifacts, access } } as HomelabInput["storage"],
      volumes: { backendStore: smallConfig().volumes?.backendStore },
    });
    const own = { S3_KEY: "key", S3_SECRET: "secret", AWS_ACCESS_KEY_ID: "mine" };
    expect(environment({}, own, inBucket("direct"))).toEqual({
      variables: {
        MLFLOW_TRACKING_URI: "http://mlflow.lan",
        MLFLOW_S3_ENDPOINT_URL: "http://nas.lan:7070",
        AWS_DEFAULT_REGION: "us-east-1",
      },
      notices: [
        "artifacts go from the client to the bucket runs: it needs boto3, and AWS_SECRET_ACCESS_KEY of its own",
      ],
    });
    const { variables } = environment({}, own, inBucket("proxied"));
    expect(variables).toEqual({ MLFLOW_TRACKING_URI: "http://mlflow.lan" });
  });

  it("tells clients of a bucket in the host's name, and of its private authority", () => {
    const endpoint = "https://s3.lan";
    const artifacts = { type: "s3", bucket: "runs", access: "direct", endpoint } as const;
    const of = (more: object) =>
      environment(
        {},
        { AWS_PROFILE: "mine" },
        {
          storage: { artifacts: { ...artifacts, ...more } },
          volumes: { backendStore: smallConfig().volumes?.backendStore },
        },
      );
    expect(of({ pathStyle: false }).variables).toMatchObject({
      MLFLOW_BOTO_CLIENT_ADDRESSING_STYLE: "virtual",
    });
    const { variables, notices } = of({ caBundle: "/etc/ssl/own.pem" });
    expect(variables.AWS_CA_BUNDLE).toBe("/etc/ssl/own.pem");
    expect(notices).toContain(
      "AWS_CA_BUNDLE names a file of this machine: take it to other clients",
    );
  });

  it("with a user has the name, and says how to give the password", () => {
    const { variables, notices } = environment({ user: "ada" });
    expect(variables.MLFLOW_TRACKING_USERNAME).toBe("ada");
    expect(notices).toEqual([
      "the client needs MLFLOW_TRACKING_PASSWORD too, and sends no login without it:",
      expect.stringContaining("read -r MLFLOW_TRACKING_PASSWORD"),
    ]);
  });

  it("has the password of the caller's environment only when asked for it", () => {
    const without = environment({ user: "ada" }, PASSWORD);
    expect(JSON.stringify(without)).not.toContain("secret");
    expect(without.notices).toEqual([]);
    const withIt = environment({ user: "ada", withPassword: true }, PASSWORD);
    expect(withIt.variables.MLFLOW_TRACKING_PASSWORD).toBe("secret");
  });

  it.each([
    [{ withPassword: true }, PASSWORD, "--with-password: expected --user NAME with it"],
    [
      { user: "ada", withPassword: true },
      {},
      "MLFLOW_TRACKING_PASSWORD is not set in this environment",
    ],
    [{ user: "a:b" }, {}, "--user: expected a name without colons"],
    [{ user: "" }, {}, "--user: expected a name"],
    [{ user: "a\nb" }, {}, "--user: expected a name"],
  ])("is refused for %j", (options, own, text) => {
    expect(() => environment(options, own)).toThrow(text);
  });

  it("says when the deployment wants a login and none is named", () => {
    const traefik = { basicAuth: { usersFile: "/etc/traefik/users" } };
    expect(environment({}, {}, { traefik }).notices).toEqual([
      "this deployment asks for a login: add --user NAME",
    ]);
    expect(environment({ user: "ada" }, PASSWORD, { traefik }).notices).toEqual([]);
  });

  it("says that a token gives way to a login", () => {
    const { notices } = environment({ user: "ada" }, { ...PASSWORD, MLFLOW_TRACKING_TOKEN: "t" });
    expect(notices[0]).toContain("basic authentication takes precedence");
  });

  it("hands on what the caller's says of TLS, checked, where the URL is https", () => {
    const own = { MLFLOW_TRACKING_INSECURE_TLS: "true" };
    const https = { url: "https://mlflow.lan" };
    expect(environment({}, own, https).variables).toEqual({
      MLFLOW_TRACKING_URI: "https://mlflow.lan",
      MLFLOW_TRACKING_INSECURE_TLS: "true",
    });
    expect(environment({}, own).variables).toEqual({ MLFLOW_TRACKING_URI: "http://mlflow.lan" });
    const both = { ...own, MLFLOW_TRACKING_SERVER_CERT_PATH: "/etc/hostname" };
    expect(() => environment({}, both, https)).toThrow(
      /MLFLOW_TRACKING_INSECURE_TLS and MLFLOW_TRACKING_SERVER_CERT_PATH: both are set/,
    );
  });
});

describe("the language of the exports", () => {
  it.each([
    ["/bin/bash", "linux", "sh"],
    ["/usr/bin/zsh", "darwin", "sh"],
    ["/usr/bin/fish", "linux", "fish"],
    ["/opt/microsoft/powershell/7/pwsh", "linux", "powershell"],
    [undefined, "linux", "sh"],
    [undefined, "win32", "powershell"],
  ] as const)("is by SHELL=%s on %s: %s", (SHELL, platform, shell) => {
    expect(detectShell({ SHELL }, platform)).toBe(shell);
  });

  it("is one a variable in each", () => {
    const variables = { MLFLOW_TRACKING_URI: "http://mlflow.lan" };
    expect(exportsFor("sh", variables)).toEqual(["export MLFLOW_TRACKING_URI=http://mlflow.lan"]);
    expect(exportsFor("fish", variables)).toEqual([
      "set -gx MLFLOW_TRACKING_URI 'http://mlflow.lan'",
    ]);
    expect(exportsFor("powershell", variables)).toEqual([
      "$Env:MLFLOW_TRACKING_URI = 'http://mlflow.lan'",
    ]);
    expect(exportsFor("dotenv", variables)).toEqual(["MLFLOW_TRACKING_URI=http://mlflow.lan"]);
    expect(exportsFor("python", variables)).toEqual([
      "import os",
      'os.environ["MLFLOW_TRACKING_URI"] = "http://mlflow.lan"',
    ]);
  });
});
