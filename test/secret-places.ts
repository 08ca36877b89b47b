/** Everywhere that a secret could be read after a deploy by somebody it is not meant for. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { expect } from "vitest";
import type { LabSettings } from "../lab/settings.ts";
import type { NomadApi } from "../nomad/api.ts";
import type { NomadJob } from "../nomad/types.ts";
import type { Checkout } from "./checkout.ts";
import { runningAllocations } from "./deployed.ts";

interface Deployed {
  readonly settings: LabSettings;
  readonly nomad: NomadApi;
  readonly dockerHost: string;
  readonly checkout: Checkout;
}

/** What stands there, by the places' names. */
export async function placesOfSecrets({
  settings,
  nomad,
  dockerHost,
  checkout,
}: Deployed): Promise<Record<string, string>> {
  const [allocation] = await runningAllocations("mlflow", nomad);
  const job = await nomad.get<NomadJob>("/job/mlflow");
  const docker = async (...args: string[]) =>
    (await execa("docker", args, { env: { DOCKER_HOST: dockerHost } })).stdout;
  const containers = (await docker("ps", "--all", "--quiet")).split("\n");
  const log = (type: string) =>
    nomad.getText(`/client/fs/logs/${allocation?.ID}`, { task: "mlflow_app", type, plain: "true" });
  const places = {
    "the job": JSON.stringify([
      job,
      await nomad.get("/job/mlflow/versions"),
      await nomad.get(`/allocation/${allocation?.ID}`),
    ]),
    "docker inspect": await docker("inspect", ...containers),
    "the image": await docker("history", "--no-trunc", image(job)),
    processes: (await execa("ps", ["-eww", "-o", "args"])).stdout,
    "what the server says": `${await log("stdout")}${await log("stderr")}`,
    "Terraform's state": readFileSync(settings.terraform.stateFile, "utf8"),
    ...files(join(checkout.directory, "cdktf.out")),
    ...files(join(checkout.directory, "ansible", "generated")),
    ...files(settings.logDir),
    ...files(settings.nomad.registrationDir),
  };
  expect(Object.keys(places).length).toBeGreaterThan(10);
  expect(places["the job"]).toContain("nomadVar");
  expect(places["docker inspect"]).toContain("HOMELAB_SECRETS");
  return places;
}

/** Fails where a place holds one of the secrets, as it is, in JSON or in base64. */
export function expectNone(
  places: Readonly<Record<string, string>>,
  secrets: readonly string[],
): void {
  for (const [place, text] of Object.entries(places))
    for (const secret of secrets)
      for (const form of [
        secret,
        JSON.stringify(secret).slice(1, -1),
        Buffer.from(secret).toString("base64"),
      ])
        expect(text.includes(form), `${place} holds ${form}`).toBe(false);
}

function image(job: NomadJob | undefined): string {
  return `${job?.TaskGroups[0]?.Tasks[0]?.Config.image}`;
}

/** The contents of all files below a folder, by their paths. */
function files(folder: string): Record<string, string> {
  if (!existsSync(folder)) return {};
  const found = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((each) => each.isFile())
    .map((each) => join(each.parentPath, each.name));
  return Object.fromEntries(found.map((path) => [path, readFileSync(path, "utf8")]));
}
