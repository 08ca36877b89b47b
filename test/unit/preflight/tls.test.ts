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
): Promise<string[]> {
  const config = { ...smallConfig(serverTls(certificate, key)), hostname };
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

  it("is refused when it ended, is another name's, and the key is another's, all at once", async () => {
    const ended = await authority.issue("DNS:db.lan", -1);
    expect(await told({ certificate: ended.certificate, key: good.key })).toEqual([
      expect.stringMatching(/^server\.tls\.certificate: found one that ended .* GMT; renew it$/),
      "server.tls.certificate: found one for DNS:db.lan; expected one for hostname, mlflow.lan",
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
