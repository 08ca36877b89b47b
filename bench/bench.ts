/** What all figures work on: a lab, a checkout and an MLflow that nobody else uses. */
import { join } from "node:path";
import { CDKTF, cdktfCall } from "../cli/cdktf.ts";
import { dockerCommand } from "../cli/docker-command.ts";
import { checkConfig } from "../config/check.ts";
import { ROOT } from "../config/load.ts";
import type { HomelabConfig } from "../config/schema.ts";
import { type LabSettings, labSettings } from "../lab/settings.ts";
import { type LabState, readLabState } from "../lab/state.ts";
import { Checkout } from "../test/checkout.ts";
import { type RunOptions, run } from "./run.ts";

/** The config of figures that want nothing else. */
export const PLAIN = "server: { workers: 2 }";

export class Bench {
  readonly settings: LabSettings;
  readonly state: LabState;
  readonly config: HomelabConfig;
  readonly checkout: Checkout;
  private readonly dockerBinary: string;
  private deployed = false;

  private constructor(
    parts: Pick<Bench, "settings" | "state" | "config" | "checkout">,
    docker: string,
  ) {
    this.settings = parts.settings;
    this.state = parts.state;
    this.config = parts.config;
    this.checkout = parts.checkout;
    this.dockerBinary = docker;
  }

  /** To be called when the lab is up: the embedded config says what lab-up found. */
  static async create(): Promise<Bench> {
    const settings = labSettings();
    const state = readLabState(settings);
    if (!state) throw new Error(`${settings.stateFile} is missing`);
    const { embedded } = await import("../lab/embedded.ts");
    const config = checkConfig({ ...embedded, server: { workers: 2 } }, "bench");
    const checkout = await Checkout.create("bench");
    checkout.configure(PLAIN);
    return new Bench({ settings, state, config, checkout }, await dockerCommand());
  }

  /** Address of the deployed server. */
  get url(): string {
    return `http://127.0.0.1:${this.settings.ports.mlflow}`;
  }

  /** The image as version.txt names it. */
  get image(): string {
    const { registry, image } = this.config;
    return `${registry.address}/${image.name}:v${this.checkout.read("version.txt").trim()}`;
  }

  /** Whether Docker is the lab's own: only there is everything ours to be thrown away. */
  get ownsDocker(): boolean {
    return this.state.dockerHost === `unix://${this.settings.docker.socket}`;
  }

  docker(args: readonly string[], options: RunOptions = {}): Promise<string> {
    const env = { DOCKER_HOST: this.state.dockerHost, DOCKER_BUILDKIT: "1", ...options.env };
    return run(this.dockerBinary, args, { ...options, env });
  }

  nomad(args: readonly string[], options: RunOptions = {}): Promise<string> {
    const env = { NOMAD_ADDR: `http://127.0.0.1:${this.settings.ports.nomadHttp}` };
    return run(this.state.nomadBinary, args, { ...options, env });
  }

  /** The step of `make deploy` that deploys, without the step list around it. */
  async deploy(): Promise<string> {
    const { args, env } = cdktfCall("deploy", this.config, [
      ...["--auto-approve", "--no-color"],
      ...["--outputs-file", join(this.settings.logDir, "outputs.json")],
    ]);
    const said = await run("node", [CDKTF, ...args], {
      cwd: this.checkout.directory,
      env: { ...env, CI: "1", FORCE_COLOR: "0" },
      patience: 1200,
    });
    this.deployed = true;
    return said;
  }

  /** For figures that want a deployed MLflow and do not measure how it came about. */
  async ensureDeployed(): Promise<void> {
    if (!this.deployed) await this.deploy();
  }

  /** After what was deployed has been thrown away. */
  forgetDeploy(): void {
    this.deployed = false;
  }

  /** One of bench/load/, and the JSON line it prints. */
  async load<T>(script: string, url: string, args: Readonly<Record<string, number>>): Promise<T> {
    const flags = Object.entries(args).flatMap(([name, value]) => [`--${name}`, String(value)]);
    const file = join(ROOT, "bench", "load", script);
    const said = await run("python3", [file, "--url", url, ...flags], { patience: 900 });
    const result = JSON.parse(said.trim().split("\n").at(-1) ?? "");
    if (result.failures.length > 0) throw new Error(`${script}: ${result.failures.join("; ")}`);
    return result;
  }
}
