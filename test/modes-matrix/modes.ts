/** The modes that are tried, each by a deploy of its own: another one is another row here. */
import { labSettings } from "../../lab/settings.ts";
import { LAB_S3_ACCOUNT } from "../../lab/versitygw.ts";
import { inPostgresql, inS3, SECRETS, type Stores } from "../stores.ts";

const { volumes, ports } = labSettings();

export interface Mode {
  /** Such as "SQLite, proxied S3". */
  readonly title: string;
  /** What the config of the embedded homelab has besides. */
  readonly config: (stores: Stores) => object;
  /** Variables of the client beside those that `homelab env` gives it. */
  readonly client: Readonly<Record<string, string>>;
}

/** The name of the database and of the bucket. */
export const NAME = "modes";

/** What the deploy reads the admin's password and the key from. */
export const LOGIN = { password: "E2E_ADMIN", secretKey: "E2E_KEY" };
/** Where files of a certificate for localhost are, and that of its authority. */
export const CERTIFICATE = { certificate: "E2E_CERTIFICATE", key: "E2E_CERTIFICATE_KEY" };
export const ADMIN_PASSWORD = "the admin's of a test";

interface Part {
  /** Nothing where it goes without saying. */
  readonly name?: string;
  readonly storage?: (stores: Stores) => object;
  /** Volumes of the embedded homelab that it is on. */
  readonly volumes?: readonly (keyof typeof volumes)[];
  readonly more?: (stores: Stores) => object;
  readonly client?: Mode["client"];
}

const SQLITE: Part = { name: "SQLite", volumes: ["backendStore"] };
const POSTGRESQL: Part = {
  name: "PostgreSQL",
  storage: () => ({ backendStore: inPostgresql() }),
};
const MYSQL: Part = {
  name: "MySQL",
  storage: () => ({ backendStore: { type: "mysql", uri: { env: SECRETS.mysql } } }),
};

const MODELS_APART: Part = {
  name: "models in MySQL",
  storage: () => ({ registryStore: { type: "mysql", uri: { env: SECRETS.mysql } } }),
};

const VOLUME: Part = { name: "proxied volume", volumes: ["artifacts"] };
const S3: Part = {
  name: "proxied S3",
  storage: ({ endpoint }) => ({ artifacts: inS3(NAME, endpoint) }),
};
const DIRECT_S3: Part = {
  name: "direct S3",
  storage: ({ endpoint }) => ({ artifacts: inS3(NAME, endpoint, { access: "direct" }) }),
  client: {
    AWS_ACCESS_KEY_ID: LAB_S3_ACCOUNT.access,
    AWS_SECRET_ACCESS_KEY: LAB_S3_ACCOUNT.secret,
  },
};
const TANDEM: Part = {
  name: "tandem",
  storage: ({ endpoint }) => ({
    artifacts: inS3(NAME, endpoint),
    artifactsServer: { route: "path" },
  }),
  // The server for runs reaches the other one there, as localhost is the container itself.
  more: ({ bridge }) => ({
    hostname: bridge,
    url: `http://${bridge}:${ports.traefik}`,
    dns: { provider: "none" },
  }),
};

const OPEN: Part = {};
const LOGINS: Part = {
  name: "logins",
  more: () => ({
    // Beside two stores' drivers they need more than the default.
    resources: { memory: 640 },
    server: {
      auth: {
        type: "basic",
        admin: { password: { env: LOGIN.password } },
        secretKey: { env: LOGIN.secretKey },
      },
    },
  }),
  client: { MLFLOW_TRACKING_USERNAME: "admin", MLFLOW_TRACKING_PASSWORD: ADMIN_PASSWORD },
};
const STATIC_PREFIX: Part = {
  name: "below a path",
  more: () => ({ server: { staticPrefix: "/ml/flow" } }),
};

/** By https, which MLflow speaks itself where there is no Traefik. */
const TLS: Part = {
  name: "TLS",
  more: () => ({
    hostname: "localhost",
    url: `https://localhost:${ports.mlflow}`,
    traefik: { enable: false },
    dns: { provider: "none" },
    job: { port: ports.mlflow, healthyDeadline: 600 },
    server: {
      tls: {
        certificate: process.env[CERTIFICATE.certificate],
        key: { file: process.env[CERTIFICATE.key] },
      },
    },
  }),
};

/** One of each, as one config. */
function combine(...parts: readonly Part[]): Mode {
  return {
    title: parts.flatMap(({ name }) => name ?? []).join(", "),
    config: (stores) => ({
      storage: Object.assign({}, ...parts.map((each) => each.storage?.(stores))),
      volumes: Object.fromEntries(
        parts.flatMap(({ volumes = [] }) => volumes.map((key) => [key, directory(key)])),
      ),
      // Without the embedded homelab's fixed port, which is one server's; and a busy machine takes its time.
      job: { healthyDeadline: 600 },
      ...Object.assign({}, ...parts.map((each) => each.more?.(stores))),
    }),
    client: Object.assign({}, ...parts.map((each) => each.client)),
  };
}

function directory(key: keyof typeof volumes): object {
  return { source: { directory: volumes[key] } };
}

export const MODES: readonly Mode[] = [
  ...[SQLITE, POSTGRESQL].flatMap((store) => [
    ...[VOLUME, S3, DIRECT_S3].flatMap((artifacts) =>
      [OPEN, LOGINS].map((access) => combine(store, artifacts, access)),
    ),
    // A server for artifacts alone knows no users, so there is none with logins.
    combine(store, TANDEM),
  ]),
  combine(MYSQL, VOLUME),
  combine(MYSQL, S3, LOGINS),
  combine(SQLITE, VOLUME, STATIC_PREFIX),
  combine(SQLITE, MODELS_APART, VOLUME),
  combine(SQLITE, VOLUME, TLS),
];
