import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { checkConfig } from "../../../config/check.ts";
import { probeTls } from "../../../preflight/tls.ts";
import { type Authority, makeAuthority } from "../../tls-front.ts";
import { serverTls, smallConfig } from "../synth.ts";

let authority: Authority;
let good: { certificate: string; key: string };

beforeAll(async () => {
  authority = await makeAuthority();
  good = await authority.issue("DNS:mlflow.lan,DNS:other.lan");
});

/** What a deploy says of a certificate and a key, by their files. */
function told(
  { certificate, key }: { certificate: string; key: string },
  hostname = "mlflow.lan",
  more: { url?: string } = {},
): Promise<string[]> {
  const config = { ...smallConfig(serverTls(certificate, key)), hostname, ...more };
  return probeTls(checkConfig(config, "homelab.config.ts"));
}

function fileOf(name: string, text: string): string {
  const path = join(dirname(authority.certificate), name);
  writeFileSync(path, text);
  return path;
}

describe("the certificate of a server that speaks https", () => {
  it("is taken when it is the hostname's, in force, and the key's", async () => {
    expect(await told(good)).toEqual([]);
  });

  it("is taken for a name that it has by a wildcard", async () => {
    const wildcard = await authority.issue("DNS:*.home.lan");
    expect(await told(wildcard, "mlflow.home.lan")).toEqual([]);
  });

  it("is to be that of the url, where there is one", async () => {
    const url = "https://ml.example:8443";
    expect(await told(good, "mlflow.lan", { url })).toEqual([
      "server.tls.certificate: found one for DNS:mlflow.lan, DNS:other.lan; expected one for ml.example, which clients connect to",
    ]);
    const byUrl = await authority.issue("DNS:ml.example,IP:::1");
    expect(await told(byUrl, "mlflow.lan", { url })).toEqual([]);
    expect(await told(byUrl, "mlflow.lan", { url: "https://[::1]:8443" })).toEqual([]);
  });

  it("is refused when it ended, is another name's, and the key is another's, all at once", async () => {
    const ended = await authority.issue("DNS:db.lan", -1);
    expect(await told({ certificate: ended.certificate, key: good.key })).toEqual([
      expect.stringMatching(/^server\.tls\.certificate: found one that ended .* GMT; renew it$/),
      "server.tls.certificate: found one for DNS:db.lan; expected one for mlflow.lan, which clients connect to",
      "server.tls.key: found the key of another certificate than server.tls.certificate's",
    ]);
  });

  it("is refused when it is none, and so is a key", async () => {
    expect(await told({ certificate: fileOf("none.pem", "x"), key: good.key })).toEqual([
      expect.stringMatching(
        /^server\.tls\.certificate: found .*none\.pem, which can't be read as one/,
      ),
    ]);
    expect(await told({ ...good, key: fileOf("none.key", "hush") })).toEqual([
      "server.tls.key: found no private key; expected one in PEM, without a passphrase",
    ]);
  });
});
