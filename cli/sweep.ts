import { type Command, Option } from "commander";
import { BAD_INPUT } from "./exit-code.ts";
import { expectCommand, expectValues } from "./typed.ts";

/** Adds `homelab sweep` with its subcommands. What they need is loaded only when one is run. */
export function addSweep(program: Command): void {
  const sweep = program
    .command("sweep")
    .description("run a script over values, one task each, on the Nomad that MLflow runs on")
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : BAD_INPUT))
    .hook("preAction", (_, command) => expectValues(command));
  const command = (name: string) =>
    sweep
      .command(name)
      .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : BAD_INPUT));
  const add = (name: string) =>
    command(name)
      .option("--json", "print JSON")
      .option("--namespace <namespace>", "Nomad's namespace; default: the config's");

  add("run")
    .description(
      "register a sweep: npx homelab sweep run --grid lr=0.1,0.01 -- train.py '$SWEEP_LR'",
    )
    .argument("<command...>", "a script, or a program and a script, with its arguments")
    .usage("[options] -- <command...>")
    .option("--map-over-values <values>", "one task for each, with commas between them")
    .option("--map-over-file <file>", "one task for each line of a file")
    .option(
      "--map-over-delimiter <text>",
      "what is between values, in place of commas and line ends",
    )
    .option(
      "--map-over-input-var <name>",
      "another variable that has the value, as SWEEP_INPUT has",
    )
    .option("--grid <axes...>", "one task for each combination: lr=0.1,0.01 bs=32,64")
    .option("--ntasks <number>", "as many tasks, numbered from 0")
    .option("--array <numbers>", "one task for each, as Slurm has it: 0-9:3%2")
    .option("--max-workers <number>", "tasks at a time")
    .option("--name <name>", "of the sweep; default: the script's and a random end")
    .option("--env <name=value...>", "environment variable of the tasks")
    .option("--env-file <file>", "file with a NAME=VALUE on each line")
    .option("--secret-env <name...>", "variable of this environment, or NAME=@FILE, as a secret")
    .option("--secret-env-file <file>", "file with a NAME=VALUE on each line, as secrets")
    .option("--cpu <MHz>", "CPU share of a task")
    .option("--memory <size>", "memory limit of a task, MiB or such as 2GiB")
    .option("--gpu [number]", "GPUs of a task")
    .option("--no-gpu", "whatever the script's header says")
    .option("--container <image>", "image of the tasks; default: Python and MLflow's client")
    .option("--requirements <file>", "what pip installs into the default image, once")
    .option("--driver <driver>", "docker, or raw_exec: the client's own Python, in no container")
    .option("--retries <number>", "how often a task that failed is started again")
    .option("--timeout <time>", "how long a task may take, such as 90s, 30m or 2h")
    .option("--fail-fast", "with --wait: the first failure ends the sweep")
    .option("--no-fail-fast", "whatever the script's header says")
    .option("--constraint <constraint...>", "such as node.class=gpu")
    .option("--sync <folder>", "whose content the tasks get; with --wait what they make comes back")
    .option("--upload <path...>", "files and folders that the tasks get")
    .option("--filestore <name...>", "file stores that the tasks have, at /scratch/filestores")
    .option("--download <folder>", "with --wait: what the tasks make comes here")
    .option("--outputs <boolean>", "whether what the tasks leave is kept on volumes.files")
    .option("--tracker <tracker>", "service (the deployed MLflow), sidecar, or a URL")
    .option("--sidecar-spec <file>", "containers that run beside the tasks, as YAML")
    .addOption(new Option("--scheduler-sidecar-spec <file>").hideHelp())
    .option("--sidecar-timeout <time>", "how long they may take to answer; default: 10m")
    .option("--wait", "wait until all tasks have ended")
    .option("--no-wait", "whatever the script's header says")
    .option("--wait-timeout <time>", "how long to wait")
    .option("--local", "run the tasks here, without Nomad")
    .option("--dry-run", "show what would be registered, or run")
    .option("--yes", "do not ask, above 100 tasks")
    .passThroughOptions()
    .hook("preAction", (_, command) => expectCommand(command, process.argv))
    .action(async (command, options) => (await import("./sweep/run.ts")).run(command, options));
  add("list")
    .description("show the sweeps that Nomad knows")
    .action(async (options) => (await import("./sweep/look.ts")).list(options));
  add("status")
    .description("show a sweep's tasks with their runs in MLflow")
    .argument("<sweep>")
    .action(async (name, options) => (await import("./sweep/look.ts")).status(name, options));
  add("wait")
    .description("wait until all tasks have ended")
    .argument("<sweep>")
    .option("--timeout <time>", "how long, such as 90s, 30m or 2h")
    .action(async (name, options) => (await import("./sweep/look.ts")).wait(name, options));
  add("logs")
    .description("show what the tasks have said")
    .argument("<sweep>")
    .option("--task <numbers>", "of these tasks, such as 2,5-7")
    .option("--failed", "of those that failed")
    .option("-f, --follow", "go on until the sweep has ended")
    .action(async (name, options) => (await import("./sweep/look.ts")).logs(name, options));
  command("open")
    .description("open MLflow's UI at a sweep's runs")
    .argument("<sweep>")
    .option("--print", "only print its address, as without a terminal")
    .option("--data <folder>", "serve what files download has brought there, until Ctrl-C")
    .option("--namespace <namespace>", "Nomad's namespace; default: the config's")
    .action(async (name, options) => (await import("./sweep/open.ts")).open(name, options));
  add("stop")
    .description("end a sweep; what is done stays done")
    .argument("<sweep>")
    .action(async (name, options) => (await import("./sweep/change.ts")).stop(name, options));
  add("retry")
    .description("run tasks that failed again")
    .argument("<sweep>")
    .option("--failed", "all that failed (the default)")
    .option("--task <numbers>", "these, such as 2,5-7")
    .option("--wait", "wait until all tasks have ended")
    .action(async (name, options) => (await import("./sweep/change.ts")).retry(name, options));
}
