/**
 * The options of `mlflow server` in the locked version, and what was decided about each: a test compares
 * them with the command's own, so that none comes with an upgrade without a decision.
 */
import { z } from "zod";

type Decision =
  /** The deploy sets it, and this field of the config is how. */
  | { readonly field: string }
  /** Can be given in server.extraArgs: as --name=VALUE where it has a value, which is one of these. */
  | { readonly value: RegExp | undefined; readonly values?: string }
  /** Not to be had, and why. */
  | { readonly refused: string };

const SERVER = "another server than the one that is measured and tested here";

export const SERVER_OPTIONS: Readonly<Record<string, Decision>> = {
  "--allowed-hosts": { field: "server.allowedHosts" },
  "--app-name": { field: "server.auth" },
  "--artifacts-destination": { field: "storage.artifacts" },
  "--artifacts-only": { field: "storage.artifactsServer" },
  "--backend-store-uri": { field: "storage.backendStore" },
  "--cors-allowed-origins": { field: "server.corsOrigins" },
  "--default-artifact-root": { field: "storage.artifacts" },
  "--dev": { refused: "it is for MLflow's developers, and reloads the server" },
  "--disable-security-middleware": { refused: "any page in a browser could read and delete runs" },
  "--enable-workspaces": { value: undefined },
  "--expose-prometheus": { field: "server.prometheus" },
  "--gunicorn-opts": { refused: SERVER },
  "--host": { field: "job.port" },
  "--port": { field: "job.port" },
  "--read-replica-backend-store-uri": {
    refused:
      "all processes of the machine can read it; name MLFLOW_READ_REPLICA_BACKEND_STORE_URI in server.secrets",
  },
  "--registry-store-uri": { field: "storage.registryStore" },
  "--secrets-cache-max-size": { value: /^([1-9]\d{0,3}|10000)$/, values: "1 to 10000" },
  "--secrets-cache-ttl": { value: /^([1-9]\d|[12]\d\d|300)$/, values: "10 to 300, in seconds" },
  "--serve-artifacts": { field: "storage.artifacts" },
  "--static-prefix": { field: "server.staticPrefix" },
  "--trace-archival-config": { refused: "it names a file, which the container does not have" },
  "--uvicorn-opts": { refused: SERVER },
  "--waitress-opts": { refused: SERVER },
  "--workers": { field: "server.workers" },
  "--workspace-store-uri": { refused: "workspaces are kept beside the runs" },
  "--x-frame-options": { value: /^(SAMEORIGIN|DENY|NONE)$/, values: "SAMEORIGIN, DENY or NONE" },
};

/** Why an argument can't be one of server.extraArgs; undefined where it can. */
function problemOf(argument: string): string | undefined {
  const [, name = "", value] = /^(--[a-z-]+)(?:=(.*))?$/s.exec(argument) ?? [];
  const decision = SERVER_OPTIONS[name.replace(/^--no-serve-/, "--serve-")];
  if (!decision) return `an option of mlflow server, as --name or --name=value: ${open()}`;
  if ("field" in decision) return `no ${name}, which ${decision.field} decides about`;
  if ("refused" in decision) return `no ${name}: ${decision.refused}`;
  if (decision.value === undefined)
    return value === undefined ? undefined : `${name} without a value`;
  if (value !== undefined && decision.value.test(value)) return undefined;
  return `${name}=VALUE with ${decision.values}`;
}

function open(): string {
  const names = Object.entries(SERVER_OPTIONS).filter(([, decision]) => "value" in decision);
  return names.map(([name]) => name).join(", ");
}

/** Options of `mlflow server` that have no field of their own. */
export const extraArgs = z
  .array(
    z.string().superRefine((argument, context) => {
      const message = problemOf(argument);
      if (message) context.addIssue({ code: "custom", input: argument, message });
    }),
  )
  .superRefine((all, context) => {
    const names = all.map((each) => each.split("=")[0]);
    for (const [index, name] of names.entries())
      if (names.indexOf(name) !== index)
        context.addIssue({
          code: "custom",
          path: [index],
          input: all[index],
          message: `${name} once`,
        });
  })
  .default([])
  .describe(
    `More options of mlflow server, each as --name or --name=value: ${open()}. Not for secrets.`,
  );
