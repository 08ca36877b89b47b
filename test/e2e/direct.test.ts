/** Artifacts that go from the client to a bucket: the server only tells where. */
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { LAB_S3_ACCOUNT } from "../../lab/versitygw.ts";
import { Checkout } from "../checkout.ts";
import { settings, url } from "../deployed.ts";
import { inS3, startS3, stopStores } from "../stores.ts";
import { isLate } from "../time-left.ts";
import { Tracking } from "./tracking.ts";

const late = isLate("artifacts that go to a bucket directly");

const BUCKET = "direct";
/** A client's own. */
const KEYS = {
  AWS_ACCESS_KEY_ID: LAB_S3_ACCOUNT.access,
  AWS_SECRET_ACCESS_KEY: LAB_S3_ACCOUNT.secret,
};
let checkout: Checkout;
let endpoint: string;
/** What `homelab env` sets. */
let variables: Record<string, string>;
let notices: string[];

beforeAll(async () => {
  endpoint = await startS3(BUCKET);
  checkout = await Checkout.create("direct");
  // What the file before has left would have to be replaced.
  await checkout.make("destroy", "YES=1");
  const config = {
    storage: { artifacts: inS3(BUCKET, endpoint, { access: "direct" }) },
    volumes: { backendStore: { source: { directory: settings.volumes.backendStore } } },
  };
  checkout.configure(JSON.stringify(config).slice(1, -1));
  const { output, exitCode } = await checkout.make("deploy");
  expect(exitCode, output).toBe(0);
  ({ variables, notices } = JSON.parse((await checkout.homelab(["env", "--json"])).stdout));
});

afterAll(async () => {
  await checkout?.make("destroy", "YES=1");
  await stopStores();
});

describe.skipIf(late)("direct access to a bucket", () => {
  it("leaves the server without artifacts: who sends it one is refused", async () => {
    const put = await fetch(`${url}/api/2.0/mlflow-artifacts/artifacts/x`, {
      method: "PUT",
      body: "x",
    });
    expect(put.status).toBe(503);
  });

  it("lets a client with the environment of homelab env and keys of its own send 50 MB", async () => {
    expect(notices.join()).toContain("it needs boto3, and AWS_ACCESS_KEY_ID and");
    const tracking = new Tracking(url, { ...variables, ...KEYS });
    const sent = await tracking.log(`direct-${Date.now()}`);
    expect(sent.artifacts).toMatch(/^s3:\/\/direct\/artifacts\/\d+\//);
    const stored = join(settings.s3.dataDir, sent.artifacts.slice("s3:/".length), "model");
    const hash = createHash("sha256").update(readFileSync(join(stored, "weights.bin")));
    expect(hash.digest("hex")).toBe(sent.sha256);
    await tracking.expectThere(sent);
  });

  it("has a doctor who says what a client lacks for it", async () => {
    const without = mkdtempSync(join(tmpdir(), "homelab-without-boto3-"));
    writeFileSync(join(without, "boto3.py"), "raise ModuleNotFoundError('boto3')");
    const artifact = async (env: Record<string, string>) => {
      const { stdout } = await checkout.homelab(["doctor", "--json"], { env });
      const { checks } = JSON.parse(stdout) as { checks: Record<string, string>[] };
      const { status, found, todo = "" } = checks.find(({ check }) => check === "artifact") ?? {};
      return `${status}: ${found}; ${todo}`;
    };
    const place = `the bucket ${BUCKET} at ${endpoint}`;
    const all = { ...variables, ...KEYS };
    expect(await artifact(all)).toContain(`ok: 1 MiB went from the client to ${place} and back`);
    expect(await artifact({ MLFLOW_TRACKING_URI: url, ...KEYS })).toContain(
      "wrong: MLFLOW_S3_ENDPOINT_URL is not set: the client would ask Amazon",
    );
    expect(await artifact(variables)).toContain(
      `wrong: the client has no credentials for ${place}`,
    );
    expect(await artifact({ ...all, AWS_SECRET_ACCESS_KEY: "wrong" })).toContain(
      `wrong: ${place} refuses the client's credentials (SignatureDoesNotMatch); correct AWS_`,
    );
    expect(await artifact({ ...all, PYTHONPATH: without })).toContain("; pip install boto3");
    expect(await artifact({ ...all, MLFLOW_S3_ENDPOINT_URL: "http://127.0.0.1:1" })).toContain(
      "http://127.0.0.1:1: Could not connect to the endpoint URL",
    );
    rmSync(without, { recursive: true });
  });
});
