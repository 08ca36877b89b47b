/**
 * Two servers on any of the Nomad clients, with runs in a PostgreSQL and artifacts in a bucket: no
 * client holds data, so none has to be prepared. The secrets are read where you deploy.
 * HOMELAB_CONFIG=examples/postgresql-and-s3.ts npx cdktf deploy mlflow
 */
import { defineHomelab } from "homelab-mlflow";

export default defineHomelab({
  hostname: "mlflow.lan",
  nomad: { address: "http://alpha.lan:4646" },
  registry: { address: "registry.lan:5000", scheme: "http" },
  storage: {
    // postgresql://mlflow:PASSWORD@db.lan/mlflow, with @ in the password as %40
    backendStore: { type: "postgresql", uri: { env: "MLFLOW_DB_URI" } },
    artifacts: {
      type: "s3",
      bucket: "mlflow",
      endpoint: "http://nas.lan:7070",
      credentials: {
        accessKeyId: { env: "MLFLOW_S3_KEY" },
        secretAccessKey: { env: "MLFLOW_S3_SECRET" },
      },
    },
  },
  job: { count: 2 },
});
