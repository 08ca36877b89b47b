/** The `homelab` command: what `make` and `npx homelab` run. One file a subcommand. */
import { Command } from "commander";
import { exitOnUserError, UserError } from "../config/errors.ts";
import { passToCdktf } from "./cdktf.ts";
import { deploy } from "./deploy.ts";
import { buildImage, pushImage, pushLatestImage } from "./image.ts";
import { labDown, labUp } from "./lab.ts";

const program = new Command("homelab").description("A self-hosted MLflow, kept as code.");

program
  .command("deploy")
  .description("bring MLflow up, or up to date: image, volumes, job, check")
  .action(deploy);
program
  .command("synth")
  .description("write the Terraform configuration to cdktf.out/")
  .action(() => passToCdktf("synth"));
program
  .command("diff")
  .description("show what a deploy would change")
  .action(() => passToCdktf("diff"));
program
  .command("destroy")
  .description("stop MLflow and forget the job; the data, the images and the volumes stay")
  .option("--yes", "do not ask")
  .action(async ({ yes }: { yes?: boolean }) => {
    if (!yes && !process.stdin.isTTY)
      throw new UserError([
        "destroy asks first, and there is no terminal: use --yes (make: YES=1)",
      ]);
    await passToCdktf("destroy", yes ? ["--auto-approve"] : []);
    if (!process.exitCode)
      console.log("MLflow is stopped. Its data, images and volumes are still there.");
  });
program.command("build").description("build the image by hand").action(buildImage);
program.command("push").description("push the built image to the registry").action(pushImage);
program
  .command("pushlatest")
  .description('build the image and push it with the tag "latest"')
  .action(pushLatestImage);
program.command("lab-up").description("start the embedded homelab").action(labUp);
program
  .command("lab-down")
  .description("stop the embedded homelab; its data stays")
  .option("--purge", "delete its data as well, MLflow's runs and artifacts included")
  .action(labDown);

await exitOnUserError(() => program.parseAsync().then(() => undefined));
