import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CDKTF } from "../cli/cdktf.ts";
import { ROOT } from "../config/load.ts";
import { labEnvironment } from "../lab/environment.ts";
import type { Bench } from "./bench.ts";
import type { Figure } from "./figure.ts";
import { run } from "./run.ts";
import { inTurn, median, seconds } from "./statistics.ts";

/** Seconds that a deploy with nothing to do may take longer than one of an empty stack. */
const ALLOWANCE = 1.5;

const EMPTY_APP = `import { App, TerraformStack } from "cdktf";
const app = new App();
new TerraformStack(app, "empty");
app.synth();
`;

export const noOpDeploy: Figure = {
  name: "no-op-deploy",
  title: "Deploy with nothing to do",
  rounds: 5,
  async measure(bench, rounds) {
    await bench.ensureDeployed();
    const directory = emptyApp();
    try {
      // The first of each initialises its Terraform.
      await bench.deploy();
      await deployEmpty(bench, directory);
      const samples = await inTurn(
        rounds,
        () => seconds(() => deployNothing(bench)),
        () => seconds(() => deployEmpty(bench, directory)),
      );
      const [ours, value] = [median(samples.ours), median(samples.theirs)];
      const over = ours - value;
      return [
        {
          what: "deploy with nothing to do",
          unit: "s",
          ours,
          comparison: { with: "empty stack", value },
          target: { text: `<= empty stack + ${ALLOWANCE} s`, reached: over <= ALLOWANCE },
          samples: { ours: samples.ours, emptyStack: samples.theirs },
          note: `${over.toFixed(2)} s over the empty stack`,
        },
      ];
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  },
};

async function deployNothing(bench: Bench): Promise<void> {
  const said = await bench.deploy();
  if (!said.includes("No changes.")) throw new Error(`the deploy had something to do:\n${said}`);
}

/** An app with a stack and nothing in it, run the way ours is. */
function emptyApp(): string {
  const directory = mkdtempSync(join(tmpdir(), "homelab-bench-"));
  symlinkSync(join(ROOT, "node_modules"), join(directory, "node_modules"));
  writeFileSync(join(directory, "package.json"), JSON.stringify({ type: "module" }));
  writeFileSync(join(directory, "main.ts"), EMPTY_APP);
  writeFileSync(
    join(directory, "cdktf.json"),
    JSON.stringify({
      language: "typescript",
      app: "node_modules/.bin/jiti main.ts",
      projectId: "empty",
      sendCrashReports: "false",
    }),
  );
  return directory;
}

async function deployEmpty({ state }: Bench, directory: string): Promise<void> {
  const lab = labEnvironment(state);
  const args = ["deploy", "empty", ...lab.cdktfFlags, "--auto-approve", "--no-color"];
  await run("node", [CDKTF, ...args, "--outputs-file", join(directory, "outputs.json")], {
    cwd: directory,
    env: {
      CHECKPOINT_DISABLE: "1",
      DISABLE_VERSION_CHECK: "1",
      ...lab.env,
      ...{ CI: "1", FORCE_COLOR: "0" },
    },
  });
}
