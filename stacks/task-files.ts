import { readFileSync } from "node:fs";
import { UserError } from "../config/errors.ts";
import { databaseJob, isManaged, managedKind } from "../config/managed-database.ts";
import type { HomelabConfig } from "../config/schema.ts";
import { show } from "../config/show.ts";
import type { JobFile } from "../constructs/mlflow-job.ts";
import type { ServerTask } from "./mounts.ts";
import {
  DATABASE_CA_FILES,
  DATABASE_FILE,
  S3_CA_FILE,
  SERVER_CERTIFICATE_FILE,
} from "./storage-environment.ts";

/** A job is kept in Nomad's memory, and so are its files. */
const LARGEST = 64 * 1024;

/**
 * Files of a config that become part of the job: of a file with certificates these alone, whatever
 * else is in it.
 *
 * @throws UserError when a file can't be read, or holds no certificate
 */
export function taskFiles(config: HomelabConfig): JobFile[] {
  return [...ofRuns(config), ...ofArtifacts(config)];
}

/** Those of one task: what it does not need it does not see. */
export function taskFilesOf(config: HomelabConfig, task: ServerTask): JobFile[] {
  if (!config.storage.artifactsServer) return taskFiles(config);
  return task === "artifacts" ? ofArtifacts(config) : ofRuns(config);
}

function ofRuns(config: HomelabConfig): JobFile[] {
  const { tls } = config.server;
  return [
    ...databaseAddress(config),
    ...(tls
      ? [
          certificates(
            "server.tls.certificate",
            tls.certificate,
            SERVER_CERTIFICATE_FILE.destination,
          ),
        ]
      : []),
    ...authorityOf(config, "backendStore"),
    ...authorityOf(config, "registryStore"),
  ];
}

function authorityOf({ storage }: HomelabConfig, key: keyof typeof DATABASE_CA_FILES): JobFile[] {
  const store = storage[key];
  if (!("caBundle" in store) || !store.caBundle) return [];
  const { destination } = DATABASE_CA_FILES[key];
  return [certificates(`storage.${key}.caBundle`, store.caBundle, destination)];
}

function ofArtifacts({ storage: { artifacts } }: HomelabConfig): JobFile[] {
  if (artifacts.type !== "s3" || !artifacts.caBundle) return [];
  return [certificates("storage.artifacts.caBundle", artifacts.caBundle, S3_CA_FILE.destination)];
}

/** Nomad writes it anew when the database has another address. */
function databaseAddress({ storage, job }: HomelabConfig): JobFile[] {
  const { backendStore } = storage;
  if (!isManaged(backendStore)) return [];
  const service = databaseJob(job.name, managedKind(backendStore));
  const content = `{{ range nomadService "${service}" }}{"host": "{{ .Address }}", "port": {{ .Port }}}\n{{ end }}`;
  return [{ destination: DATABASE_FILE.destination, content, restarts: true }];
}

/** @param key in the config, for messages */
function certificates(key: string, bundle: string, destination: string): JobFile {
  const refuse = (expected: string) =>
    new UserError([`${key}: found ${show(bundle)}; expected ${expected}`]);
  let text: string;
  try {
    text = readFileSync(bundle, "utf8");
  } catch {
    throw refuse("a PEM file that can be read");
  }
  const all = text.match(/-----BEGIN CERTIFICATE-----[\w\s+/=]+-----END CERTIFICATE-----/g);
  if (!all) throw refuse("a PEM file with a certificate");
  const content = `${all.join("\n")}\n`;
  if (content.length > LARGEST)
    throw refuse(`certificates of at most ${LARGEST / 1024} KiB in all`);
  return { destination, content };
}
