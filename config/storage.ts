/** Where runs and artifacts are kept: what can't work is refused here, with the reason. */
import { z } from "zod";
import { artifactsServer } from "./artifacts-server.ts";
import type { Auth } from "./auth.ts";
import { backendStore, databaseKind } from "./backend-store.ts";
import { absolutePath, httpUrl } from "./fields.ts";
import { checkManagedDatabase, isManaged } from "./managed-database.ts";
import { pooledDatabases, tooFewConnections } from "./pools.ts";
import { registryStore } from "./registry-store.ts";
import { replaces } from "./replaces.ts";
import { secret } from "./secret.ts";

const ARTIFACTS_STAY =
  "Needed where the job keeps its artifacts elsewhere: what the deploy says. Nothing is moved.";

const volume = z.strictObject({
  type: z.literal("volume").describe("Files on volumes.artifacts, which pass through the server."),
  replaces: replaces(z.string(), ARTIFACTS_STAY),
});

const s3 = z.strictObject({
  type: z.literal("s3").describe("A bucket of an S3 server, yours or Amazon's: bucket."),
  bucket: z
    .string()
    .regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, {
      error: "a bucket: 3 to 63 lower-case letters, digits, dots and hyphens",
    })
    .describe("Name of the bucket, which is there already."),
  prefix: z
    .string()
    .regex(/^[\w.-]+(\/[\w.-]+)*$/, {
      error: "a path of letters, digits and . _ -, such as mlflow/artifacts",
    })
    .default("artifacts")
    .describe("What the names of all artifacts in it begin with."),
  endpoint: httpUrl()
    .optional()
    .describe("URL of the S3 server, as the Nomad clients reach it. Default: Amazon's."),
  region: z
    .string()
    .regex(/^[a-z0-9-]+$/, { error: "a region, such as eu-central-1" })
    .default("us-east-1")
    .describe("Region of the bucket."),
  pathStyle: z
    .boolean()
    .optional()
    .describe(
      "Name the bucket in the path of a URL, not in its host. Default: true with an endpoint.",
    ),
  credentials: z
    .strictObject({
      accessKeyId: secret().describe("Access key."),
      secretAccessKey: secret().describe("Secret key."),
    })
    .optional()
    .describe(
      "Credentials of the server. Default: what Amazon's SDK finds, such as the machine's role.",
    ),
  caBundle: absolutePath()
    .optional()
    .describe(
      "PEM file, where the deploy runs, of the authority of the endpoint's certificate. It is no secret: it becomes part of the job.",
    ),
  access: z
    .enum(["proxied", "direct"])
    .default("proxied")
    .describe(
      '"proxied": clients send artifacts to MLflow. "direct": clients speak S3 with the bucket, and need an endpoint and credentials of their own.',
    ),
  replaces: replaces(z.string(), ARTIFACTS_STAY),
});

/** The stores of the server. */
export const storage = z
  .strictObject({
    backendStore,
    registryStore,
    artifacts: z
      .discriminatedUnion("type", [volume, s3], { error: '"volume" or "s3"' })
      .default({ type: "volume" })
      .describe("Where models, plots and files are kept."),
    artifactsServer,
  })
  .prefault({})
  .describe("Where runs and artifacts are kept; docs/modes.md tells when to choose which.");

export type Storage = z.output<typeof storage>;

/** Artifacts in a bucket, of a checked config. */
export type S3Artifacts = z.output<typeof s3>;

interface Stored {
  readonly storage: Storage;
  readonly volumes: {
    readonly backendStore?: { readonly source: object };
    readonly artifacts?: { readonly source: object };
    readonly files?: object;
  };
  readonly clients: readonly unknown[];
  readonly server: {
    readonly workers: number;
    readonly env: object;
    readonly secrets: object;
    readonly auth: Auth;
  };
  readonly job: { readonly name: string; readonly count: number; readonly port?: number };
}

type Issue = z.core.$ZodRawIssue<
  z.core.$ZodIssueCustom | z.core.$ZodIssueInvalidType | z.core.$ZodIssueTooSmall
>;
type Context = { addIssue(issue: Issue): void };

/** Each store has what it needs, and nothing is there that none would use. */
export function checkStorage(
  { storage, volumes, clients, server, job }: Stored,
  context: Context,
): void {
  const refuse = (path: string[], input: unknown, message: string) =>
    context.addIssue({ code: "custom", path, input, message });
  const missing = (path: string[]) =>
    context.addIssue({ code: "invalid_type", path, input: undefined, expected: "object" });
  const { backendStore, artifacts } = storage;
  const needed = {
    backendStore: !("uri" in backendStore),
    artifacts: artifacts.type === "volume",
  };
  for (const key of ["backendStore", "artifacts"] as const) {
    if (needed[key] && !volumes[key]) missing(["volumes", key]);
    if (!needed[key] && volumes[key])
      refuse(
        ["volumes", key],
        volumes[key],
        `no such volume, as storage.${key} is ${storage[key].type}: nothing would be kept on it`,
      );
  }
  if (clients.length === 0 && (needed.backendStore || needed.artifacts || volumes.files))
    refuse(["clients"], clients, "at least one Nomad client, for the volumes");
  if (isManaged(backendStore)) checkManagedDatabase(backendStore, { volumes, job }, refuse);
  for (const database of pooledDatabases(storage, server.auth)) {
    const why = tooFewConnections(database, { workers: server.workers, count: job.count });
    if (why) refuse(["storage", database.key, "connections"], database.connections, why);
  }
  // Not with its value, which may be a secret that should not be there.
  for (const key of ["env", "secrets"] as const)
    for (const name of Object.keys(server[key]).filter((each) =>
      variablesOf(storage).includes(each),
    ))
      refuse(["server", key, name], name, "a variable that storage does not set by itself");
  if (job.count === 1) return;
  const tooMany = (why: string) => refuse(["job", "count"], job.count, `1, as ${why}`);
  if (backendStore.type === "sqlite")
    tooMany(
      "two servers that write to one SQLite database would damage it; storage.backendStore can be a database, such as managed-postgresql",
    );
  if (volumes.artifacts && !("nfs" in volumes.artifacts.source) && !storage.artifactsServer)
    tooMany(
      "the artifacts are in a directory of one client, where servers on others don't see them; storage.artifacts can be s3, or the volume an nfs export",
    );
  if (job.port !== undefined)
    tooMany(
      "job.port is set, which one server of a client can have; leave it out, and Traefik finds all of them",
    );
}

/** Environment variables of the server that follow from its stores. */
function variablesOf({ backendStore, registryStore, artifacts }: Storage): string[] {
  return [
    ...("connections" in backendStore || "connections" in registryStore
      ? ["MLFLOW_SQLALCHEMYSTORE_POOL_SIZE", "MLFLOW_SQLALCHEMYSTORE_MAX_OVERFLOW"]
      : []),
    ...(artifacts.type === "s3"
      ? ["AWS_DEFAULT_REGION", "MLFLOW_BOTO_CLIENT_ADDRESSING_STYLE", "MLFLOW_S3_ENDPOINT_URL"]
      : []),
    ...(artifacts.type === "s3" && artifacts.caBundle ? ["AWS_CA_BUNDLE"] : []),
    ...(artifacts.type === "s3" && artifacts.credentials
      ? ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]
      : []),
  ];
}

/** Stores that need a driver in the image, by the names of their lock files. */
export function driversOf({ backendStore, registryStore, artifacts }: Storage): string[] {
  const databases = [backendStore, registryStore].filter((each) => "connections" in each);
  return [...new Set(databases.map(databaseKind)), ...(artifacts.type === "s3" ? ["s3"] : [])];
}

/** Those that the server for runs needs itself. */
export function driversOfServer(storage: Storage): string[] {
  return driversOf(storage).filter((each) => each !== "s3" || !storage.artifactsServer);
}

/** Where the artifacts are, as one word: another one is another place. */
export function artifactsPlace({ artifacts }: Storage): string {
  if (artifacts.type === "volume") return "volume";
  const { endpoint, bucket, prefix } = artifacts;
  return `${endpoint ?? "s3:/"}/${bucket}/${prefix}`;
}

/** How clients reach the artifacts. */
export function artifactsAccess({ artifacts }: Storage): S3Artifacts["access"] {
  return artifacts.type === "s3" ? artifacts.access : "proxied";
}

/** Whether two servers may run on the same data at a time. */
export function isShared({ backendStore }: Storage): boolean {
  return backendStore.type !== "sqlite";
}
