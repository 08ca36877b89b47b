import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { beforeAll, describe, expect, it } from "vitest";
import { diagnose } from "../../../client/settings.ts";

const URL_OF_DEPLOYMENT = "https://mlflow.lan";
let directory: string;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "homelab-settings-"));
  mkdirSync(join(directory, ".mlflow"));
  const subject = ["-subj", "/CN=test", "-days", "1"];
  const make = (key: string, certificate: string, ...more: string[]) =>
    execa(
      "openssl",
      ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"].concat(
        more,
        ["-keyout", key, "-out", certificate],
        subject,
      ),
      { cwd: directory },
    );
  await make("key.pem", "certificate.pem", "-nodes");
  await make("locked.pem", "locked-certificate.pem", "-passout", "pass:secret");
  const read = async (...names: string[]) => (await execa("cat", names, { cwd: directory })).stdout;
  writeFileSync(join(directory, "both.pem"), await read("certificate.pem", "key.pem"));
  writeFileSync(join(directory, "both-locked.pem"), await read("certificate.pem", "locked.pem"));
  writeFileSync(join(directory, "empty.pem"), "");
});

/** What is said of an environment: "kind: text", one each. */
function said(env: NodeJS.ProcessEnv, deployment = URL_OF_DEPLOYMENT): string[] {
  return diagnose(deployment, env, directory).remarks.map(({ kind, text }) => `${kind}: ${text}`);
}

const tracking = (more: Record<string, string>) =>
  Object.fromEntries(
    Object.entries(more).map(([name, value]) => [`MLFLOW_TRACKING_${name}`, value]),
  );

describe("MLFLOW_TRACKING_URI", () => {
  it.each([
    [
      "mlflow.lan:5000",
      'found "mlflow.lan:5000"; without http:// or https:// the client logs to this machine or fails',
    ],
    ["postgresql://ada:secret@db/mlflow", 'found "postgresql://...@db/mlflow"; without http://'],
    ["http://mlflow.lan \n", "holds a blank or a line's end"],
    ["http://mlflow.lan:port", 'found "http://mlflow.lan:port", which is no URL'],
    ["https://mlflow.lan/#/experiments/1", "the client appends its paths to it, after ? or #"],
  ])("%j is refused with the reason", (uri, reason) => {
    const [text = "", ...more] = said(tracking({ URI: uri }));
    expect(text).toMatch(/^fatal: MLFLOW_TRACKING_URI: /);
    expect(text).toContain(reason);
    expect(text).toMatch(/; set it to https:\/\/mlflow\.lan$/);
    expect(more).toEqual([]);
  });

  it("is told of when it holds a login, which is not shown", () => {
    const [text, ...more] = said(tracking({ URI: "https://ada:secret@mlflow.lan" }));
    expect(text).toMatch(/^wrong: MLFLOW_TRACKING_URI: holds a login/);
    expect(text).not.toContain("secret");
    expect(more).toEqual([]);
  });

  it("is the deployment's where it is not set, or is empty", () => {
    expect(diagnose(URL_OF_DEPLOYMENT, {}, directory).settings.url?.host).toBe("mlflow.lan");
    expect(said(tracking({ URI: "" }))).toEqual([]);
  });
});

describe("a login", () => {
  const user = { USERNAME: "ada" };
  const password = { PASSWORD: "secret" };

  it.each([
    [
      user,
      "wrong: MLFLOW_TRACKING_PASSWORD: not set, but the user name is; basic authentication needs both, and the client sends no login",
    ],
    [
      password,
      "wrong: MLFLOW_TRACKING_USERNAME: not set, but the password is; basic authentication needs both",
    ],
    [{ ...user, TOKEN: "t" }, "basic authentication needs both, and the client sends the token"],
    [
      { ...user, ...password, TOKEN: "t" },
      "note: MLFLOW_TRACKING_TOKEN is not sent: basic authentication takes precedence over it",
    ],
    [
      { USERNAME: "a:b", ...password },
      'wrong: MLFLOW_TRACKING_USERNAME: found "a:b"; basic authentication ends the name at the colon',
    ],
    [
      { ...user, ...password, AUTH: "kubernetes" },
      "wrong: MLFLOW_TRACKING_AUTH: is set, and writes the Authorization header anew",
    ],
    [{ TOKEN: "t\n" }, "fatal: MLFLOW_TRACKING_TOKEN: holds a character that no HTTP header can"],
  ])("of %j is told of", (variables, text) => {
    const lines = said(tracking(variables as Record<string, string>));
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain(text);
    expect(lines[0]).not.toContain("secret");
  });

  it("of both halves is sent without a word", () => {
    const { settings, remarks } = diagnose(
      URL_OF_DEPLOYMENT,
      tracking({ ...user, ...password }),
      directory,
    );
    expect(remarks).toEqual([]);
    expect(settings.login).toEqual({
      authorization: `Basic ${Buffer.from("ada:secret").toString("base64")}`,
      who: 'user "ada"',
      from: "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD",
    });
  });

  it("in netrc is told of, as it is sent in place of the variables'", () => {
    const file = join(directory, "netrc");
    writeFileSync(file, "machine mlflow.lan login eve password hidden");
    const [text] = said({ NETRC: file, ...tracking({ ...user, ...password }) });
    expect(text).toMatch(
      /^wrong: .*netrc: it has a login for mlflow\.lan, which requests sends in place/,
    );
  });
});

describe("the rules of TLS", () => {
  const file = (name: string) => join(directory, name);

  it("refuse to verify nothing and something at once", () => {
    const lines = said(
      tracking({ INSECURE_TLS: "true", SERVER_CERT_PATH: file("certificate.pem") }),
    );
    expect(lines[0]).toMatch(
      /^fatal: MLFLOW_TRACKING_INSECURE_TLS and MLFLOW_TRACKING_SERVER_CERT_PATH: both are set/,
    );
    expect(
      said(tracking({ INSECURE_TLS: "false", SERVER_CERT_PATH: file("certificate.pem") })),
    ).toEqual([]);
  });

  it("know that an empty SERVER_CERT_PATH verifies nothing", () => {
    const { settings, remarks } = diagnose(
      URL_OF_DEPLOYMENT,
      tracking({ SERVER_CERT_PATH: "" }),
      directory,
    );
    expect(remarks[0]?.text).toContain("the client verifies no certificate at all");
    expect(settings.verify).toBe(false);
  });

  it("take true or false for INSECURE_TLS, and warn of true", () => {
    expect(said(tracking({ INSECURE_TLS: "yes" }))[0]).toContain(
      'found "yes"; the client takes true or false',
    );
    expect(said(tracking({ INSECURE_TLS: "true" }))[0]).toMatch(
      /^note: .*no certificate is verified/,
    );
  });

  it.each([
    [
      "SERVER_CERT_PATH",
      "missing.pem",
      "no such file; expected a PEM file with the certificate of the server's authority",
    ],
    ["SERVER_CERT_PATH", "empty.pem", "which holds no certificate"],
    ["SERVER_CERT_PATH", "key.pem", "which holds no certificate"],
    [
      "CLIENT_CERT_PATH",
      "missing.pem",
      "no such file; expected a PEM file with a certificate and its key",
    ],
    [
      "CLIENT_CERT_PATH",
      "certificate.pem",
      "which holds no key; the client takes both from one file",
    ],
    [
      "CLIENT_CERT_PATH",
      "key.pem",
      "which holds no certificate; the client takes both from one file",
    ],
    ["CLIENT_CERT_PATH", "both-locked.pem", "whose key wants a passphrase"],
  ])("refuse %s=%s", (name, path, text) => {
    const lines = said(tracking({ [name]: file(path) }));
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(new RegExp(`^fatal: MLFLOW_TRACKING_${name}: found `));
    expect(lines[0]).toContain(text);
  });

  it("take files that are right", () => {
    expect(
      said(
        tracking({ SERVER_CERT_PATH: file("certificate.pem"), CLIENT_CERT_PATH: file("both.pem") }),
      ),
    ).toEqual([]);
  });

  it("say of ~ that the client does not know it", () => {
    expect(said(tracking({ SERVER_CERT_PATH: "~/ca.pem" }))[0]).toContain("only a shell knows ~");
  });

  it("have no effect on http, which is told", () => {
    expect(
      said(tracking({ SERVER_CERT_PATH: file("certificate.pem") }), "http://mlflow.lan"),
    ).toEqual(["note: MLFLOW_TRACKING_SERVER_CERT_PATH: without effect, as the URL is http"]);
  });

  it("believe what the other variables of requests name, after MLflow's own", () => {
    const verify = (env: NodeJS.ProcessEnv) =>
      diagnose(URL_OF_DEPLOYMENT, env, directory).settings.verify;
    expect(verify({})).toBe(true);
    expect(said({ REQUESTS_CA_BUNDLE: "/nonexistent" })[0]).toMatch(
      /^fatal: REQUESTS_CA_BUNDLE: found "\/nonexistent": no such file/,
    );
    expect(said({ REQUESTS_CA_BUNDLE: "/nonexistent" }, "http://mlflow.lan")).toEqual([]);
    expect(verify({ CURL_CA_BUNDLE: "b", REQUESTS_CA_BUNDLE: "a" })).toBe("a");
    expect(verify({ CURL_CA_BUNDLE: "b" })).toBe("b");
    const own = file("certificate.pem");
    expect(verify({ CURL_CA_BUNDLE: "b", ...tracking({ SERVER_CERT_PATH: own }) })).toBe(own);
  });
});

describe("a proxy in the environment", () => {
  it.each([
    [{ https_proxy: "http://proxy:3128" }, "https_proxy"],
    [{ HTTPS_PROXY: "http://proxy:3128", NO_PROXY: "nas.lan" }, "HTTPS_PROXY"],
    [{ ALL_PROXY: "http://proxy:3128" }, "ALL_PROXY"],
    [{ HTTP_PROXY: "http://proxy:3128" }, undefined],
    [{ HTTPS_PROXY: "http://proxy:3128", NO_PROXY: "nas.lan, mlflow.lan" }, undefined],
    [{ HTTPS_PROXY: "http://proxy:3128", no_proxy: ".lan" }, undefined],
    [{ HTTPS_PROXY: "http://proxy:3128", no_proxy: "*" }, undefined],
    [{ HTTPS_PROXY: "http://proxy:3128", no_proxy: "low.lan" }, "HTTPS_PROXY"],
  ])("of %j is told of where the client would use it", (env, variable) => {
    const lines = said(env as NodeJS.ProcessEnv);
    expect(lines).toEqual(
      variable
        ? [
            `wrong: ${variable}: the client asks this proxy in place of mlflow.lan, and the checks below do not; add mlflow.lan to NO_PROXY`,
          ]
        : [],
    );
  });

  it("may leave out a range of addresses", () => {
    const proxy = { HTTP_PROXY: "http://proxy:3128" };
    expect(said({ ...proxy, NO_PROXY: "192.168.0.0/16" }, "http://192.168.1.9")).toEqual([]);
    expect(said({ ...proxy, NO_PROXY: "10.0.0.0/8" }, "http://192.168.1.9")).toHaveLength(1);
  });
});
