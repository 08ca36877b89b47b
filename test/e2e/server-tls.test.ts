/** https by MLflow itself: clients connect to the Nomad client, without Traefik. */
import { connect } from "node:tls";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Checkout } from "../checkout.ts";
import { dockerHost, nomad, settings } from "../deployed.ts";
import { expectNone, placesOfSecrets } from "../secret-places.ts";
import { isLate } from "../time-left.ts";
import { type Authority, makeAuthority } from "../tls-front.ts";
import { expectDeployed, expectRefusal } from "./outcomes.ts";
import { Tracking } from "./tracking.ts";

const late = isLate("https by the server itself");

const url = `https://localhost:${settings.ports.mlflow}`;
let authority: Authority;
let issued: { certificate: string; key: string };
let checkout: Checkout;

beforeAll(async () => {
  authority = await makeAuthority();
  issued = await authority.issue("DNS:localhost");
  // The deploy's check verifies the certificate as any client does.
  process.env.NODE_EXTRA_CA_CERTS = authority.certificate;
  checkout = await Checkout.create("server-tls");
  // What the file before has left would have to be replaced.
  await checkout.make("destroy", "YES=1");
  configure(issued);
});

afterAll(async () => {
  delete process.env.NODE_EXTRA_CA_CERTS;
  await checkout?.make("destroy", "YES=1");
});

function configure({ certificate, key }: { certificate: string; key: string }, more = ""): void {
  checkout.configure(`
    hostname: "localhost",
    url: undefined,
    traefik: { enable: false },
    dns: { provider: "none" },
    server: { tls: { certificate: "${certificate}", key: { file: "${key}" } } },
    ${more}`);
}

/** The serial number of the certificate that clients are shown. */
async function shown(): Promise<string> {
  const socket = connect({
    host: "127.0.0.1",
    port: settings.ports.mlflow,
    servername: "localhost",
    rejectUnauthorized: false,
  });
  await new Promise((resolve, reject) =>
    socket.once("secureConnect", resolve).once("error", reject),
  );
  const { serialNumber } = socket.getPeerCertificate();
  socket.destroy();
  return serialNumber;
}

describe.skipIf(late)("https by the server itself", () => {
  it("is deployed, and checked from outside with the certificate verified", async () => {
    expect(await expectDeployed(checkout)).toContain(url);
  });

  it("is what a client with the authority's certificate logs by, and no other", async () => {
    const trusting = { MLFLOW_TRACKING_SERVER_CERT_PATH: authority.certificate };
    const tracking = new Tracking(url, trusting);
    await tracking.expectThere(await tracking.log(`tls-${Date.now()}`));
    const { exitCode, stderr } = await new Tracking(url).start(["log", "x"]);
    expect(exitCode).not.toBe(0);
    expect(stderr).toContain("CERTIFICATE_VERIFY_FAILED");
    const doctor = await checkout.homelab(["doctor"], { env: trusting });
    expect(doctor.output).toContain("All is well.");
    expect((await checkout.homelab(["status"])).output).toMatch(/^ *at https:/m);
  });

  it("speaks nothing older than TLS 1.2, and no http", async () => {
    const ask = (...options: string[]) =>
      execa("curl", ["--silent", "--show-error", "--cacert", authority.certificate, ...options], {
        reject: false,
      });
    expect((await ask("--tls-max", "1.1", `${url}/health`)).exitCode).not.toBe(0);
    expect((await ask("--tls-max", "1.2", `${url}/health`)).stdout).toBe("OK");
    expect((await ask(url.replace("https", "http"))).exitCode).not.toBe(0);
  });

  it("leaves the key where nobody else reads it", async () => {
    const { stdout: key } = await execa("cat", [issued.key]);
    const middle = key.split("\n")[1] ?? "";
    expect(middle.length).toBeGreaterThan(40);
    expectNone(await placesOfSecrets({ settings, nomad, dockerHost, checkout }), [middle]);
  });

  it("is refused with another name's certificate, an ended one and another's key, all in one line each, and goes on", async () => {
    const ended = await authority.issue("DNS:mlflow.lan", -1);
    configure({ certificate: ended.certificate, key: issued.key });
    await expectRefusal(
      checkout,
      "error: server.tls.certificate: found one that ended",
      "found one for DNS:mlflow.lan; expected one for localhost, which clients connect to",
      "error: server.tls.key: found the key of another certificate",
    );
  });

  it("has a renewed certificate after the next deploy", async () => {
    const before = await shown();
    issued = await authority.issue("DNS:localhost");
    configure(issued);
    const { output, exitCode } = await checkout.make("deploy");
    expect(exitCode, output).toBe(0);
    expect(await shown()).not.toBe(before);
  });

  it("can be checked by the address that Nomad gave it, with the name's certificate", async () => {
    configure(issued, 'check: { through: "allocation" },');
    await expectDeployed(checkout);
  });
});
