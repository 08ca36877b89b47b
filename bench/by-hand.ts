/** The same by hand, as it was done before there was this project: four commands, one by one. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Bench } from "./bench.ts";
import { run } from "./run.ts";
import { seconds } from "./statistics.ts";

export interface ByHand {
  readonly build: number;
  readonly push: number;
  readonly playbook: number;
  readonly job: number;
  readonly total: number;
}

/** What somebody who works by hand has lying there: a playbook and a jobspec. */
export interface Inputs {
  readonly jobspec: string;
}

/** Writes the playbook, and gives back the jobspec with its image filled in by tag. */
export async function inputsByHand({ checkout, image }: Bench): Promise<Inputs> {
  const outdir = mkdtempSync(join(tmpdir(), "homelab-bench-"));
  try {
    await run("node_modules/.bin/jiti", ["main.ts"], {
      cwd: checkout.directory,
      env: { CDKTF_OUTDIR: outdir },
    });
    const stack = JSON.parse(readFileSync(join(outdir, "stacks/mlflow/cdk.tf.json"), "utf8"));
    const [job] = Object.values<{ jobspec: string }>(stack.resource.nomad_job);
    if (!job) throw new Error("the stack has no job");
    const filledIn = job.jobspec.replace(
      /^(\s*image = )".*"$/m,
      (_, start) => `${start}"${image}"`,
    );
    return { jobspec: filledIn.replaceAll("$${", "${").replaceAll("%%{", "%{") };
  } finally {
    rmSync(outdir, { recursive: true, force: true });
  }
}

/** docker build, docker push, ansible-playbook, nomad job run; seconds of each. */
export async function byHand(bench: Bench, { jobspec }: Inputs): Promise<ByHand> {
  const { baseImage, uid, gid, caBundle } = bench.config.image;
  const ansible = join(bench.checkout.directory, "ansible");
  const generated = join(ansible, "generated");

  const build = await seconds(() =>
    bench.docker([
      "build",
      ...["--build-arg", `BASE_IMAGE=${baseImage}`],
      ...["--build-arg", `UID=${uid}`, "--build-arg", `GID=${gid}`],
      ...(caBundle ? ["--secret", `id=ca,src=${caBundle}`] : []),
      ...["--tag", bench.image, join(bench.checkout.directory, "image")],
    ]),
  );
  const push = await seconds(() => bench.docker(["push", bench.image]));
  const playbook = await seconds(() =>
    run(
      bench.state.ansiblePlaybook,
      ["--inventory", join(generated, "inventory.yml"), join(generated, "playbook.yml")],
      { env: { ANSIBLE_CONFIG: join(ansible, "ansible.cfg") } },
    ),
  );
  // Without -detach it waits until the deployment is healthy, as ours does.
  const job = await seconds(() => bench.nomad(["job", "run", "-"], { input: jobspec }));
  return { build, push, playbook, job, total: build + push + playbook + job };
}
