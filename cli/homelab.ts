/** The `homelab` command: what `make` and `npx homelab` run. One file a subcommand. */
import { Command, Option } from "commander";
import { SHELLS } from "../client/shells.ts";
import { PERMISSIONS } from "../config/auth.ts";
import { exitOnUserError, UserError } from "../config/errors.ts";
import { Interrupted } from "../lab/errors.ts";
import { BAD_INPUT } from "./exit-code.ts";
import { addFiles } from "./files.ts";
import { fullDisk, tellsOfFullDisk } from "./full-disk.ts";
import { addSweep } from "./sweep.ts";

// What a command needs is loaded only when it is run: all of them together take half a second.
const image = () => import("./image.ts");
const lab = () => import("./lab.ts");

const program = new Command("homelab")
  .description("A self-hosted MLflow, kept as code.")
  // What follows a sweep's command is the command's.
  .enablePositionalOptions();

program
  .command("deploy")
  .description("bring MLflow up, or up to date: image, volumes, job, check")
  .action(async () => (await import("./deploy.ts")).deploy());
program
  .command("synth")
  .description(
    "write the Terraform configuration to cdktf.out/, for the embedded homelab to .lab/cdktf.out/",
  )
  .action(async () => (await import("./cdktf.ts")).synth());
program
  .command("diff")
  .description("show what a deploy would change")
  .action(async () => (await import("./diff.ts")).diff());
program
  .command("destroy")
  .description("stop MLflow and forget the job; the data, the images and the volumes stay")
  .option("--yes", "do not ask")
  .option("--unmount", "take the volumes off the Nomad clients as well; the data stays")
  .action(async (options) => (await import("./destroy.ts")).destroy(options));
program
  .command("prepare")
  .description("prepare the volumes on the Nomad clients again, where one is gone or stale")
  .action(async () => (await import("./prepare.ts")).prepare());
program
  .command("build")
  .description("build the image by hand")
  .action(async () => (await image()).buildImage());
program
  .command("push")
  .description("push the built image to the registry")
  .action(async () => (await image()).pushImage());
program
  .command("pushlatest")
  .description('build the image and push it with the tag "latest"')
  .action(async () => (await image()).pushLatestImage());
program
  .command("lab-up")
  .description("start the embedded homelab")
  .action(async () => (await lab()).labUp());
program
  .command("lab-down")
  .description("stop the embedded homelab; its data stays")
  .option("--purge", "delete its data as well, MLflow's runs and artifacts included")
  .action(async (options) => (await lab()).labDown(options));

const client = (name: string) =>
  program
    .command(name)
    .option("--json", "print JSON")
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : BAD_INPUT));
client("env")
  .description("print the environment of an MLflow client, for eval")
  .addOption(new Option("--shell <shell>", "its language; default: that of $SHELL").choices(SHELLS))
  .option("--user <name>", "log in as this user")
  .option("--with-password", "print MLFLOW_TRACKING_PASSWORD of this environment as well")
  .action(async (options) => (await import("./env.ts")).env(options));
client("doctor")
  .description("check the deployment from the client's side, step by step")
  .action(async (options) => (await import("./doctor.ts")).doctor(options));
client("status")
  .description("show job, client, image, memory, volumes and URLs")
  .action(async (options) => (await import("./status.ts")).status(options));
addSweep(program);
addFiles(program);

const user = program.command("user").description("the users of MLflow's own logins (server.auth)");
const ofUser = (name: string, description: string) =>
  user
    .command(name)
    .description(description)
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : BAD_INPUT));
const users = () => import("./user.ts");
ofUser("list", "show whom there is")
  .option("--json", "print JSON")
  .action(async (options) => (await users()).listUsers(options));
ofUser("add <name>", "make a user; the password is asked for, or read from stdin").action(
  async (name) => (await users()).addUser(name),
);
ofUser("password <name>", "set another password, asked for or read from stdin").action(
  async (name) => (await users()).setPassword(name),
);
ofUser("remove <name>", "remove a user; experiments and models stay").action(async (name) =>
  (await users()).removeUser(name),
);
ofUser("grant <name> <permission>", `let a user do more: ${PERMISSIONS.join(", ")}`)
  .option("--experiment <name>", "with this experiment")
  .option("--model <name>", "with this registered model")
  .action(async (name, permission, of) => (await users()).grant(name, permission, of));
ofUser("revoke <name>", "take back what was granted")
  .option("--experiment <name>", "for this experiment")
  .option("--model <name>", "for this registered model")
  .action(async (name, of) => (await users()).revoke(name, of));

await exitOnUserError(async () => {
  try {
    await program.parseAsync();
  } catch (error) {
    // From wherever we write a file.
    if (!(error instanceof UserError) && tellsOfFullDisk(error))
      throw new UserError([fullDisk((error as Error).message)]);
    if (!(error instanceof Interrupted)) throw error;
    console.error(error.message);
    process.exitCode = 130; // as shells say it: 128 and the number of SIGINT
  }
});
