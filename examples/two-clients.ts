/**
 * Two Nomad clients: the job may run on either, since the data lies on the NAS. For a faster database
 * at the price of one client that has to be up: backendStore on a directory of one of them,
 * source: { directory: "/srv/mlflow/backend-store", client: "alpha" }.
 */
import { defineHomelab } from "homelab-mlflow";

export default defineHomelab({
  hostname: "mlflow.lan",
  nomad: { address: "http://alpha.lan:4646" },
  registry: { address: "registry.lan:5000", scheme: "http" },
  volumes: {
    backendStore: { source: { nfs: { server: "nas.lan", export: "/volume1/mlflow/backend" } } },
    artifacts: { source: { nfs: { server: "nas.lan", export: "/volume1/mlflow/artifacts" } } },
  },
  clients: [
    { name: "alpha", address: "alpha.lan", user: "ansible" },
    { name: "beta", address: "beta.lan", user: "ansible" },
  ],
});
