import { homedir } from "node:os";
import type { HomelabConfig } from "../config/schema.ts";

export interface Deployed {
  readonly config: HomelabConfig;
  /** What version.txt says. */
  readonly version: string;
  /** Whether this deploy changed anything. */
  readonly changed: boolean;
  /** Terraform's outputs. */
  readonly outputs: Readonly<Record<string, string>>;
  /** The embedded homelab's nomad command. */
  readonly nomadBinary?: string;
}

/** What a user wants to know after a deploy; no line of our own is wider than 80 columns. */
export function conclusion({ config, version, changed, outputs, nomadBinary }: Deployed): string[] {
  const { url, image = "", version: mlflow, playbook_command: playbook } = outputs;
  const { registry } = config;
  const digest = image.slice(image.indexOf("@") + 1);
  const job = jobStatus(config, outputs, nomadBinary);
  return [
    "",
    changed
      ? "MLflow is up, and was checked from outside."
      : "Nothing to change: everything is as configured.",
    "",
    `  MLflow ${mlflow}   ${url}`,
    `  image           ${registry.address}/${config.image.name}:v${version}`,
    `  digest          ${digest.slice(0, "sha256:".length + 12)}`,
    ...(job.length === 1 ? [`  Nomad job       ${job[0]}`] : []),
    ...(job.length > 1 ? ["", "The job in Nomad:", ...job.map((line) => `  ${line}`)] : []),
    ...(playbook
      ? ["", "ansible.run is false: prepare the Nomad clients by hand with", `  ${playbook}`]
      : []),
    "",
    "Log a first run:",
    "  python3 -m venv venv && . venv/bin/activate",
    `  pip install mlflow-skinny==${mlflow}`,
    `  export MLFLOW_TRACKING_URI=${url}`,
    ...(config.server.auth.type === "basic"
      ? ["  # and the login of a user: npx homelab user add NAME; npx homelab env --user NAME"]
      : []),
    `  python3 -c 'import mlflow; mlflow.log_metric("accuracy", 0.9)'`,
    `and look at it: open ${url} in a browser.`,
    "",
    "Undo:",
    ...undo(config).map((line) => `  ${line}`),
  ];
}

/** How to see the job: a page, or (a Nomad that was built from its Go module has none) commands. */
export function jobStatus(
  config: HomelabConfig,
  outputs: Readonly<Record<string, string>>,
  nomadBinary?: string,
): string[] {
  if (!config.embedded || !nomadBinary) return [outputs.nomad_job_url ?? ""];
  return [
    `export NOMAD_ADDR=${config.nomad.address}`,
    `${shortened(nomadBinary)} job status ${config.job.name}`,
  ];
}

function shortened(path: string): string {
  const home = homedir();
  return path.startsWith(`${home}/`) ? `~${path.slice(home.length)}` : path;
}

function undo({ embedded }: HomelabConfig): string[] {
  if (!embedded) return ["make destroy            stops MLflow; its data, volumes and images stay"];
  return [
    "make destroy            stops MLflow; its data stays",
    "make lab-down           stops the homelab; its data stays",
    "make lab-down PURGE=1   deletes the homelab, runs and artifacts included",
  ];
}
