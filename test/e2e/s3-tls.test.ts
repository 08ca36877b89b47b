/** A bucket behind TLS with a private authority, and one that is named by the host. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bridgeAddress } from "../../lab/bridge.ts";
import { stopServer } from "../../lab/servers.ts";
import { ensureVersitygw, LAB_S3_ACCOUNT } from "../../lab/versitygw.ts";
import { Checkout } from "../checkout.ts";
import { dockerHost, settings, url, work } from "../deployed.ts";
import { inS3, SECRETS } from "../stores.ts";
import { isLate } from "../time-left.ts";
import { type Authority, makeAuthority } from "../tls-front.ts";
import { Tracking } from "./tracking.ts";

const late = isLate("a bucket behind TLS");

const BUCKET = "behind-tls";
const DOMAIN = "s3.test";
let authority: Authority;
let foreign: Authority;
let bridge: string;
let endpoint: string;
let checkout: Checkout;

beforeAll(async () => {
  bridge = await bridgeAddress(dockerHost);
  endpoint = `https://${bridge}:${settings.ports.s3}`;
  [authority, foreign] = [await makeAuthority(), await makeAuthority()];
  const tls = await authority.issue(`IP:127.0.0.1,IP:${bridge},DNS:${DOMAIN},DNS:*.${DOMAIN}`);
  await ensureVersitygw(["127.0.0.1", bridge], work, { tls, virtualDomain: DOMAIN });
  mkdirSync(join(settings.s3.dataDir, BUCKET), { recursive: true });
  process.env[SECRETS.accessKeyId] = LAB_S3_ACCOUNT.access;
  process.env[SECRETS.secretAccessKey] = LAB_S3_ACCOUNT.secret;
  checkout = await Checkout.create("s3-tls");
});

afterAll(async () => {
  await checkout?.make("destroy", "YES=1");
  await stopServer(settings, "versitygw");
});

function configure(more: object): void {
  const config = {
    storage: { artifacts: inS3(BUCKET, endpoint, more) },
    volumes: { backendStore: { source: { directory: settings.volumes.backendStore } } },
    job: { healthyDeadline: 600 },
  };
  checkout.configure(JSON.stringify(config).slice(1, -1));
}

async function expectToComeBack(env: Record<string, string>, name: string): Promise<string> {
  const tracking = new Tracking(url, env);
  const logged = await tracking.log(name);
  await tracking.expectThere(logged);
  return logged.artifacts;
}

describe.skipIf(late)("a bucket behind TLS", () => {
  it.each([
    ["no authority", () => ({})],
    ["another authority", () => ({ caBundle: foreign.certificate })],
  ])("is refused with %s, in a line and before there is a server", async (_, s3) => {
    configure(s3());
    const { output, exitCode } = await checkout.make("deploy");
    expect(output).toMatch(
      new RegExp(`error: S3 at ${endpoint}, bucket ${BUCKET}: SSL validation failed .*certificate`),
    );
    expect(output).toContain("correct storage.artifacts.endpoint and caBundle");
    expect(exitCode).not.toBe(0);
  });

  it("takes artifacts through the server, which believes the authority of caBundle", async () => {
    configure({ caBundle: authority.certificate });
    const { output, exitCode } = await checkout.make("deploy");
    expect(exitCode, output).toBe(0);
    await expectToComeBack({}, "tls-proxied");
  });

  it("takes them from clients with the environment of homelab env, where access is direct", async () => {
    configure({ caBundle: authority.certificate, access: "direct" });
    const { output, exitCode } = await checkout.make("deploy");
    expect(exitCode, output).toBe(0);
    const { stdout } = await checkout.homelab(["env", "--json"]);
    const { variables, notices } = JSON.parse(stdout);
    expect(notices.join()).toContain("AWS_CA_BUNDLE names a file of this machine");
    const env = {
      ...variables,
      AWS_ACCESS_KEY_ID: LAB_S3_ACCOUNT.access,
      AWS_SECRET_ACCESS_KEY: LAB_S3_ACCOUNT.secret,
    };
    expect(await expectToComeBack(env, "tls-direct")).toMatch(`s3://${BUCKET}/`);
    const foreignBundle = { ...env, AWS_CA_BUNDLE: foreign.certificate };
    const doctor = await checkout.homelab(["doctor"], { env: foreignBundle });
    expect(doctor.stdout).toMatch(/^wrong +artifact .*set AWS_CA_BUNDLE to the certificate/m);
  });
});

describe.skipIf(late)("a bucket in the name of its host", () => {
  // The containers of the lab have no DNS server that would know the name: here the image runs by itself.
  it("is found by the image with pathStyle false", async () => {
    const variables = {
      HOMELAB_PROBE: "yes",
      HOMELAB_BACKEND_STORE: "sqlite",
      HOMELAB_ARTIFACTS: `s3://${BUCKET}/artifacts`,
      AWS_DEFAULT_REGION: "us-east-1",
      AWS_ACCESS_KEY_ID: LAB_S3_ACCOUNT.access,
      AWS_SECRET_ACCESS_KEY: LAB_S3_ACCOUNT.secret,
      AWS_CA_BUNDLE: "/ca.pem",
      MLFLOW_S3_ENDPOINT_URL: `https://${DOMAIN}:${settings.ports.s3}`,
    };
    const look = (style: string) => {
      const all = { ...variables, MLFLOW_BOTO_CLIENT_ADDRESSING_STYLE: style };
      return execa(
        "docker",
        [
          ...["run", "--rm", "--add-host", `${BUCKET}.${DOMAIN}:${bridge}`],
          ...["--volume", `${authority.certificate}:/ca.pem:ro`, "--user=0"],
          ...Object.entries(all).flatMap(([name, value]) => ["--env", `${name}=${value}`]),
          ...["--entrypoint=/opt/mlflow/bin/python", image(), "/opt/server/stores.py"],
        ],
        { env: { DOCKER_HOST: dockerHost }, reject: false },
      );
    };
    const found = await look("virtual");
    expect(found.exitCode, found.stderr).toBe(0);
    // By path its host would be the domain, which leads nowhere here.
    expect((await look("path")).stderr).toContain("Could not connect to the endpoint URL");
  });

  /** The image of the last deploy, which has S3's driver. */
  function image(): string {
    const version = checkout.read("version.txt").trim();
    return `127.0.0.1:${settings.ports.registry}/mlflow:v${version}`;
  }
});
