import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { beforeAll, describe, expect, it } from "vitest";
import { diagnose } from "../../client/settings.ts";
import { ROOT } from "../../config/load.ts";
import { testToolsDirectory } from "../tools.ts";

const DEPLOYMENT = "http://localhost:5000";
const USER = { MLFLOW_TRACKING_USERNAME: "ada" };
const PASSWORD = { MLFLOW_TRACKING_PASSWORD: "pass: wörd" };
const TOKEN = { MLFLOW_TRACKING_TOKEN: "t0ken" };

/** A home directory with these files. */
function home(files: Record<string, string> = {}): { HOME: string } {
  const directory = mkdtempSync(join(tmpdir(), "homelab-home-"));
  mkdirSync(join(directory, ".mlflow"));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
  return { HOME: directory };
}

const credentials = (text: string) => home({ ".mlflow/credentials": text });
const SECTION = "[mlflow]\nmlflow_tracking_username = eve\nmlflow_tracking_password = ";

const environments: Record<string, Record<string, string>> = {
  "nothing is set": home(),
  "user and password are set": { ...home(), ...USER, ...PASSWORD },
  "only the user is set": { ...home(), ...USER },
  "only the password is set": { ...home(), ...PASSWORD },
  "only the user and a token are set": { ...home(), ...USER, ...TOKEN },
  "a login and a token are set": { ...home(), ...USER, ...PASSWORD, ...TOKEN },
  "a token is set": { ...home(), ...TOKEN },
  "a token with a line's end is set": { ...home(), MLFLOW_TRACKING_TOKEN: "t0ken\n" },
  "a token with a typographic quote is set": { ...home(), MLFLOW_TRACKING_TOKEN: "“t0ken”" },
  "all are empty": {
    ...home(),
    MLFLOW_TRACKING_USERNAME: "",
    MLFLOW_TRACKING_PASSWORD: "",
    MLFLOW_TRACKING_TOKEN: "",
  },
  "INSECURE_TLS is true": { ...home(), MLFLOW_TRACKING_INSECURE_TLS: "true" },
  "INSECURE_TLS is TRUE": { ...home(), MLFLOW_TRACKING_INSECURE_TLS: "TRUE" },
  "INSECURE_TLS is 1": { ...home(), MLFLOW_TRACKING_INSECURE_TLS: "1" },
  "INSECURE_TLS is false": { ...home(), MLFLOW_TRACKING_INSECURE_TLS: "false" },
  "INSECURE_TLS is yes": { ...home(), MLFLOW_TRACKING_INSECURE_TLS: "yes" },
  "INSECURE_TLS is empty": { ...home(), MLFLOW_TRACKING_INSECURE_TLS: "" },
  "INSECURE_TLS is true and SERVER_CERT_PATH empty": {
    ...home(),
    MLFLOW_TRACKING_INSECURE_TLS: "true",
    MLFLOW_TRACKING_SERVER_CERT_PATH: "",
  },
  "INSECURE_TLS is true and SERVER_CERT_PATH set": {
    ...home(),
    MLFLOW_TRACKING_INSECURE_TLS: "true",
    MLFLOW_TRACKING_SERVER_CERT_PATH: "/etc/ssl/certs/ca-certificates.crt",
  },
  "SERVER_CERT_PATH names no file": {
    ...home(),
    MLFLOW_TRACKING_SERVER_CERT_PATH: "/nonexistent",
  },
  "CLIENT_CERT_PATH names no file": {
    ...home(),
    MLFLOW_TRACKING_CLIENT_CERT_PATH: "/nonexistent",
  },
  "CLIENT_CERT_PATH names a file that holds no certificate": {
    ...home(),
    MLFLOW_TRACKING_CLIENT_CERT_PATH: "/etc/hostname",
  },
  "the credentials file has a login": credentials(`${SECTION}secret\n`),
  "the file has the password, the environment the user": {
    ...credentials(`${SECTION}secret\n`),
    ...USER,
  },
  "the environment has another login than the file": {
    ...credentials(`${SECTION}secret\n`),
    ...USER,
    ...PASSWORD,
  },
  "the file's password has a doubled %": credentials(`${SECTION}50%%\n`),
  "the file's password has a single %": credentials(`${SECTION}50%\n`),
  "the file's password refers to another value": credentials(
    `${SECTION}%(mlflow_tracking_username)s\n`,
  ),
  "the file has no section": credentials("mlflow_tracking_username = eve\n"),
  "the file has another section": credentials("[default]\nmlflow_tracking_username = eve\n"),
  "the file's login is in DEFAULT": credentials(
    "[DEFAULT]\nmlflow_tracking_username: eve\nmlflow_tracking_password: secret\n[mlflow]\n",
  ),
  "the file's names are upper case, with comments": credentials(
    "# mine\n[mlflow]\n; yes\nMLFLOW_TRACKING_USERNAME=eve\nMLFLOW_TRACKING_PASSWORD = a=b # c\n",
  ),
  "the file has a line that is none": credentials(`${SECTION}secret\nand more\n`),
  "the file has a line that goes on": credentials(`${SECTION}secret\n  and more\n`),
  "the file has a value twice": credentials(`${SECTION}secret\nmlflow_tracking_password = b\n`),
  "the file has its section twice": credentials(`${SECTION}secret\n[mlflow]\n`),
  "the file is empty": credentials(""),
  "netrc has a login": home({ ".netrc": "machine localhost login eve password secret\n" }),
  "netrc has another login than the environment": {
    ...home({ ".netrc": "machine localhost\n  login eve\n  password secret\n" }),
    ...USER,
    ...PASSWORD,
  },
  "netrc has a login for all": {
    ...home({ ".netrc": 'machine other login a password b\ndefault login eve password "s c"\n' }),
    ...TOKEN,
  },
  "netrc has a login for another host": {
    ...home({ ".netrc": "machine other login eve password secret\n" }),
    ...USER,
    ...PASSWORD,
  },
  "NETRC names no file": {
    ...home({ ".netrc": "machine localhost login eve password secret\n" }),
    NETRC: "/dev/null",
    ...TOKEN,
  },
};

interface Attempt {
  readonly error?: string;
  readonly authorization?: string | null;
  readonly verify?: boolean | string;
}

/** What MLflow's own client did, by the name of the environment. */
let attempts: Map<string, Attempt>;

beforeAll(async () => {
  const script = join(ROOT, "test", "integration", "client_rules.py");
  const { stdout } = await execa(join(testToolsDirectory(), "python"), [script], {
    input: JSON.stringify(Object.values(environments)),
    extendEnv: false,
    env: { PATH: process.env.PATH },
  });
  const results = JSON.parse(stdout) as Attempt[];
  attempts = new Map(Object.keys(environments).map((name, index) => [name, results[index] ?? {}]));
});

describe("what is said of a client is what MLflow's own does, where", () => {
  it.each(Object.keys(environments))("%s", (name) => {
    const { settings, remarks } = diagnose(
      DEPLOYMENT,
      environments[name],
      environments[name]?.HOME,
    );
    const attempt = attempts.get(name);
    const fatal = remarks.filter(({ kind }) => kind === "fatal").map(({ text }) => text);
    expect(fatal.length > 0, `${fatal} / ${attempt?.error}`).toBe(attempt?.error !== undefined);
    if (attempt?.error !== undefined) return;
    expect(settings.login?.authorization ?? null).toBe(attempt?.authorization);
    expect(settings.verify).toBe(attempt?.verify);
  });
});
