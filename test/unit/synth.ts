import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Testing } from "cdktf";
import { checkConfig } from "../../config/check.ts";
import { ROOT } from "../../config/load.ts";
import type { HomelabInput } from "../../config/schema.ts";
import type { DatabaseKind } from "../../database/kinds.ts";
import { MlflowStack } from "../../stacks/mlflow-stack.ts";

// biome-ignore lint/suspicious/noExplicitAny: synthesised JSON, of any shape
export type Resource = any;

/** The smallest config, with something on top. */
export function smallConfig(more: Partial<HomelabInput> = {}): HomelabInput {
  return {
    hostname: "mlflow.lan",
    registry: { address: "registry.lan:5000", scheme: "http" },
    volumes: {
      backendStore: { source: { directory: "/srv/backend" } },
      artifacts: { source: { directory: "/srv/artifacts" } },
    },
    clients: [{ name: "m700" }],
    ...more,
  };
}

/** What makes smallConfig keep its runs in PostgreSQL. */
export function postgresql(more: object = {}) {
  return {
    storage: {
      backendStore: { type: "postgresql" as const, uri: { env: "DB_URI" }, ...more },
    },
    volumes: { artifacts: { source: { directory: "/srv/artifacts" } } },
  };
}

/** What makes smallConfig run a PostgreSQL, or another database, with something changed. */
export function managed(more: object = {}, kind: DatabaseKind = "postgresql") {
  const password = { env: "DB_PASSWORD" };
  return {
    storage: { backendStore: { type: `managed-${kind}` as const, password, ...more } },
  };
}

/** What makes smallConfig keep its models apart from its runs, with something changed. */
export function modelsApart(more: object = {}) {
  return {
    storage: {
      registryStore: { type: "postgresql" as const, uri: { env: "MODELS_URI" }, ...more },
    },
  };
}

/** What makes smallConfig's server speak https itself. */
export function serverTls(certificate: string, key = "/etc/homelab/server.key") {
  return {
    traefik: { enable: false },
    job: { port: 5000 },
    server: { tls: { certificate, key: { file: key } } },
  };
}

/** What makes smallConfig keep its runs in PostgreSQL and its artifacts in S3. */
export function shared(more: object = {}) {
  const credentials = { accessKeyId: { env: "S3_KEY" }, secretAccessKey: { env: "S3_SECRET" } };
  const bucket = { endpoint: "http://nas.lan:7070", bucket: "mlflow", credentials };
  return {
    storage: {
      ...postgresql().storage,
      artifacts: { type: "s3" as const, ...bucket, ...more },
    },
    volumes: {},
  };
}

/** The same with a server for artifacts alone. */
export function tandem(more: object = { route: "path" }) {
  const { storage, volumes } = shared();
  return { storage: { ...storage, artifactsServer: more as { route: "path" } }, volumes };
}

/** What gives smallConfig MLflow's own logins, with something changed. */
export function basicAuth(more: object = {}): Pick<HomelabInput, "server"> {
  const admin = { password: { env: "ADMIN_PASSWORD" } };
  return {
    server: { auth: { type: "basic", admin, secretKey: { env: "SECRET_KEY" }, ...more } },
  };
}

/** Both volumes on NFS, with something changed for the artifacts. */
export function nfsVolumes(changes: Record<string, string> = {}) {
  const nfs = { server: "nas.lan", export: "/tank/artifacts", ...changes };
  return {
    backendStore: { source: { nfs: { server: "nas.lan", export: "/tank/store" } } },
    artifacts: { source: { nfs } },
  };
}

/** What gives smallConfig a volume for files. */
export function filesVolume(source: object = { directory: "/srv/files" }) {
  return {
    volumes: { ...smallConfig().volumes, files: { source: source as { directory: string } } },
  };
}

/** The stack's Terraform JSON for a config. */
export function synth(config: HomelabInput, version = "1.2.3"): Resource {
  const app = Testing.app({ outdir: mkdtempSync(join(tmpdir(), "homelab-synth-")) });
  const checked = checkConfig(config, "homelab.config.ts");
  const stack = new MlflowStack(app, "mlflow", {
    config: checked,
    version,
    root: ROOT,
    secretsGeneration: "the-generation",
  });
  // As main.ts does it, without the validations of cdktf, each of which runs terraform.
  return JSON.parse(Testing.synth(stack));
}

/** The one resource of a type whose name begins so. */
export function resource(json: Resource, type: string, name: string): Resource {
  const found = Object.entries(json.resource[type] ?? {}).filter(([key]) => key.startsWith(name));
  if (found.length !== 1) throw new Error(`${found.length} resources ${type}.${name}*`);
  return found[0]?.[1];
}

/** The jobspec as Terraform hands it to Nomad, with values in place of its references. */
export function jobspec(json: Resource, name = "mlflow-job"): string {
  const text: string = resource(json, "nomad_job", name).jobspec;
  return text
    .replace(/\$\{docker_registry_image\.[\w-]+\.sha256_digest\}/g, `sha256:${"0".repeat(64)}`)
    .replace(/\$\{terraform_data\.(job-|postgresql_|mysql_)claim_owner[\w-]+\.id\}/, "the-owner")
    .replaceAll("$${", "${")
    .replaceAll("%%{", "%{");
}

/** A text that means something to each language it passes through. */
export const HOSTILE =
  'a\'b"c\\d`e$(f)${g}$${h}%{if true}i%{endif}{{j}}{% k %}{# l #}\n# m\n"]}} é 漢 \u2028';
