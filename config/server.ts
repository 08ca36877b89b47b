import { z } from "zod";
import { auth } from "./auth.ts";
import { httpUrl, wholeNumber } from "./fields.ts";
import { secret } from "./secret.ts";
import { extraArgs } from "./server-options.ts";
import { tls } from "./server-tls.ts";

/** What the deploy sets, and what its checks rest on: the volumes' sentinels, the memory model. */
const RESERVED =
  /^(HOMELAB_.*|MLFLOW_SERVER_(ALLOWED_HOSTS|CORS_ALLOWED_ORIGINS)|MLFLOW_(BACKEND|REGISTRY)_STORE_URI|MLFLOW_(ARTIFACTS_DESTINATION|DEFAULT_ARTIFACT_ROOT|ARTIFACTS_ONLY)|MLFLOW_AUTH_.*|MLFLOW_FLASK_SERVER_SECRET_KEY|MLFLOW_STATIC_PREFIX|MLFLOW_EXPOSE_PROMETHEUS|PROMETHEUS_MULTIPROC_DIR|prometheus_multiproc_dir|PATH|LD_.*)$/;

/** By the names of environment variables. */
const byVariable = <T extends z.ZodType>(value: T) =>
  z
    .record(
      z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, { error: "a name of letters, digits and _" }),
      value,
    )
    .superRefine((env, context) => {
      for (const key of Object.keys(env).filter((each) => RESERVED.test(each)))
        context.addIssue({
          code: "custom",
          path: [key],
          input: env[key],
          message: "a variable that the deploy does not set by itself",
        });
    })
    .default({});

/** The MLflow tracking server. */
export const server = z
  .strictObject({
    workers: wholeNumber("", 1, 16).default(2).describe("Worker processes of the server."),
    allowedHosts: z
      .array(
        z
          .string()
          .regex(/^[^\s,]+$/, { error: "a Host header, without blanks and commas" })
          .regex(/[^*:]/, { error: "a Host header, and not any: MLflow would answer all" }),
      )
      .default([])
      .describe("More Host headers to accept, beside hostname and url. Ports are literal."),
    corsOrigins: z
      .array(httpUrl())
      .default([])
      .describe("More browser origins to accept, beside url."),
    auth,
    tls,
    staticPrefix: z
      .string()
      .regex(/^((\/[\w.~-]+)+)?$/, {
        error: "a path without a slash at its end, such as /mlflow, of letters, digits and . _ ~ -",
      })
      .default("")
      .describe(
        "Path below which MLflow answers, where its name has other pages too. Clients' URL, Traefik's rule and the checks follow.",
      ),
    prometheus: z
      .boolean()
      .default(false)
      .describe(
        "Expose metrics of the requests at /metrics, for Prometheus to scrape by the Nomad client's address and port.",
      ),
    extraArgs,
    env: byVariable(z.string().regex(/^[^\0]*$/, { error: "a text without NUL" })).describe(
      "More environment variables of the server. Not for secrets.",
    ),
    secrets: byVariable(secret()).describe(
      'Environment variables of the server that are secrets, each with where it is found when you deploy: { env: "NAME" } or { file: "/path" }. They are kept as a Nomad variable.',
    ),
  })
  .superRefine(({ env, secrets }, context) => {
    for (const key of Object.keys(secrets).filter((each) => Object.hasOwn(env, each)))
      context.addIssue({
        code: "custom",
        path: ["env", key],
        input: env[key],
        message: "a variable that is not in server.secrets as well",
      });
  })
  .prefault({})
  .describe("The MLflow tracking server.");
