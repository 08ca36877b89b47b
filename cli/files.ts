import type { Command } from "commander";
import { BAD_INPUT } from "./exit-code.ts";
import { expectValues } from "./typed.ts";

/** Adds `homelab files` with its subcommands. What they need is loaded only when one is run. */
export function addFiles(program: Command): void {
  const files = program
    .command("files")
    .description("file stores on volumes.files, and what sweeps have left there")
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : BAD_INPUT))
    .hook("preAction", (_, command) => expectValues(command));
  const add = (name: string) =>
    files
      .command(name)
      .option("--json", "print JSON")
      .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : BAD_INPUT));

  add("list")
    .description("show the stores, or what is in one")
    .argument("[store]", "a store, or a sweep")
    .argument("[path]", "a folder in it")
    .option("--sha256", "with the SHA-256 of each file")
    .action(async (store, path, options) =>
      (await import("./files/list.ts")).list(store, path, options),
    );
  add("upload")
    .description("send what of a folder a store has not; nothing is deleted there")
    .argument("<directory>")
    .requiredOption("--store <name>", "the store; made where it is missing")
    .action(async (directory, options) =>
      (await import("./files/upload.ts")).uploadTo(directory, options),
    );
  add("download")
    .description("get a store, or what a sweep has left")
    .argument("<store>", "a store, or a sweep")
    .option("--into <directory>", "where to; default: a folder of the store's name")
    .option("--filter <glob>", "only what this names, as a line of a .gitignore does")
    .option("--overwrite", "write over files that are here and are others")
    .action(async (store, options) =>
      (await import("./files/download.ts")).downloadFrom(store, options),
    );
  add("rm")
    .description("delete a store, what a sweep has left, or a part of either")
    .argument("<store>", "a store, or a sweep")
    .argument("[path]", "a file or a folder in it")
    .option("--yes", "do not ask")
    .action(async (store, path, options) =>
      (await import("./files/remove.ts")).remove(store, path, options),
    );
}
