/** Key in the job's meta of the mark that says whose Terraform state it was deployed from. */
export const OWNER_META = "homelab_mlflow_owner";
