import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { firstLine } from "../../config/reason.ts";
import type { S3Artifacts } from "../../config/storage.ts";
import { type Finding, ok, skipped, wrong } from "../finding.ts";
import { clientPython } from "../python.ts";

const SCRIPT = fileURLToPath(new URL("bucket.py", import.meta.url));
const ENDPOINT = ["MLFLOW_S3_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"];

/** What the script tells. */
interface Outcome {
  /** An error code of S3, or the name of an exception; none when all went well. */
  readonly kind?: string;
  readonly said?: string;
}

/**
 * Does an artifact get to the bucket and back by the client's own Python, boto3 and credentials?
 *
 * @param uri of the run's artifacts, s3://...
 */
export async function checkBucket(
  uri: string,
  { bucket, endpoint }: S3Artifacts,
  env: NodeJS.ProcessEnv = process.env,
): Promise<Finding> {
  const asked = ENDPOINT.map((name) => env[name]).find((each) => each);
  if (endpoint && !asked)
    return wrong(
      `${ENDPOINT[0]} is not set: the client would ask Amazon for the bucket ${bucket}`,
      'eval "$(npx homelab env)"',
    );
  const python = await clientPython();
  if (!python)
    return skipped(
      `artifacts go from the client to the bucket ${bucket}, and no Python on PATH has MLflow to try it`,
    );
  // The SDK would try five times where nobody answers.
  const { stdout, stderr, failed } = await execa(python.program, [SCRIPT, uri], {
    env: { ...env, AWS_MAX_ATTEMPTS: "2", MLFLOW_DISABLE_TELEMETRY: "true" },
    extendEnv: false,
    reject: false,
    timeout: 120_000,
  });
  const outcome = read(stdout);
  if (!outcome)
    return wrong(
      `${python.program}: ${failed ? firstLine(stderr.split("\n").at(-1) ?? "") : "it said nothing"}`,
      "does MLflow work in this Python?",
    );
  const where = `the bucket ${bucket} at ${asked ?? "Amazon"}`;
  if (!outcome.kind)
    return ok(`1 MiB went from the client to ${where} and back, with the same SHA-256`);
  return refusal(where, python.program, outcome);
}

function read(stdout: string): Outcome | undefined {
  try {
    return JSON.parse(stdout.trim().split("\n").at(-1) ?? "");
  } catch {
    return undefined;
  }
}

function refusal(where: string, python: string, { kind, said = "" }: Outcome): Finding {
  const keys = "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY";
  switch (kind) {
    case "boto3":
      return wrong(
        `${python} has no boto3, by which MLflow's client reaches ${where}`,
        "pip install boto3",
      );
    case "NoCredentialsError":
    case "PartialCredentialsError":
      return wrong(`the client has no credentials for ${where}`, `set ${keys}, of its own`);
    case "InvalidAccessKeyId":
    // versitygw's own.
    case "XAdminUserNotFound":
    case "SignatureDoesNotMatch":
      return wrong(`${where} refuses the client's credentials (${kind})`, `correct ${keys}`);
    case "AccessDenied":
    case "403":
      return wrong(
        `${where} does not let the client in (${kind})`,
        `let the account of ${keys} read, write and delete there`,
      );
    case "NoSuchBucket":
      return wrong(`${where} is not there`, "correct MLFLOW_S3_ENDPOINT_URL, or make the bucket");
    case "SSLError":
      return wrong(
        `${where}: ${said}`,
        "set AWS_CA_BUNDLE to the certificate of the endpoint's authority",
      );
    case "EndpointConnectionError":
    case "ConnectTimeoutError":
    case "ConnectionClosedError":
      return wrong(
        `${where}: ${said}`,
        "correct MLFLOW_S3_ENDPOINT_URL; does a firewall let this machine in?",
      );
    default:
      return wrong(`${where}: ${said} (${kind})`, "see the log of the S3 server");
  }
}
