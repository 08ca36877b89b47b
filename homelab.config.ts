/** What is deployed. As it stands: the embedded homelab on this machine. Start your own from examples/. */
import { defineHomelab } from "homelab-mlflow";
import { embedded } from "homelab-mlflow/lab";

export default defineHomelab({
  // Nomad, a registry and Docker on this machine, which `make deploy` starts.
  ...embedded,
  server: { workers: 2 },
});
