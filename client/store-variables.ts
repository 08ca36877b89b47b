import type { Storage } from "../config/storage.ts";

const KEYS = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];

export interface StoreVariables {
  readonly variables: Readonly<Record<string, string>>;
  /** What the client needs besides, one line each. */
  readonly notices: readonly string[];
}

/**
 * What a client needs to reach the artifacts by itself; nothing where the server carries them. The
 * server's credentials stay the server's.
 * https://mlflow.org/docs/latest/self-hosting/architecture/artifact-store/
 *
 * @param own the caller's environment, where keys may be set already
 */
export function storeVariables(
  { artifacts, artifactsServer }: Storage,
  own: NodeJS.ProcessEnv,
): StoreVariables {
  if (artifactsServer?.route === "hostname")
    return {
      variables: {},
      notices: [
        `artifacts go to ${artifactsServer.hostname}, which the client has to reach as well`,
      ],
    };
  if (artifacts.type !== "s3" || artifacts.access !== "direct")
    return { variables: {}, notices: [] };
  const { bucket, endpoint, region, pathStyle, caBundle } = artifacts;
  const missing = KEYS.filter((key) => !own[key]);
  const has = own.AWS_PROFILE || missing.length === 0;
  return {
    variables: {
      ...(endpoint ? { MLFLOW_S3_ENDPOINT_URL: endpoint } : {}),
      AWS_DEFAULT_REGION: region,
      // What MLflow's client does by itself: the path with an endpoint, else the host.
      ...(pathStyle === undefined
        ? {}
        : { MLFLOW_BOTO_CLIENT_ADDRESSING_STYLE: pathStyle ? "path" : "virtual" }),
      ...(caBundle ? { AWS_CA_BUNDLE: caBundle } : {}),
    },
    notices: [
      `artifacts go from the client to the bucket ${bucket}: it needs boto3${has ? "" : `, and ${missing.join(" and ")} of its own`}`,
      ...(caBundle ? [`AWS_CA_BUNDLE names a file of this machine: take it to other clients`] : []),
    ],
  };
}
