import { z } from "zod";
import { constraint } from "./constraint.ts";
import { IMAGE, text, VARIABLE_NAME, wholeNumber } from "./fields.ts";

/** What the tasks of a sweep get where neither the command line nor the script's header says. */
export const sweep = z
  .strictObject({
    container: z
      .string()
      .regex(IMAGE, { error: "an image, such as python:3.11-slim-bookworm" })
      .optional()
      .describe(
        "Image that tasks run in. Default: one with Python and MLflow's client, built from image.baseImage.",
      ),
    cpu: wholeNumber("MHz, ", 1, 1_000_000).default(500).describe("CPU share of a task, in MHz."),
    memory: wholeNumber("MiB, ", 10, 16_777_216)
      .default(1024)
      .describe("Memory limit of a task, in MiB."),
    maxWorkers: wholeNumber("", 1, 10_000)
      .optional()
      .describe("Tasks that run at a time. Default: as many as the clients have room for."),
    priority: wholeNumber("", 1, 100)
      .default(30)
      .describe("Priority of a sweep's job; higher goes first. Keep it below job.priority."),
    env: z
      .record(z.string().regex(VARIABLE_NAME, { error: "a name of letters, digits and _" }), text())
      .default({})
      .describe("Environment variables of each task. Not for secrets."),
    constraints: z
      .array(constraint)
      .default([])
      .describe("Constraints on the clients that sweeps may run on."),
  })
  .prefault({})
  .describe("Defaults of `npx homelab sweep`, which docs/sweeps.md explains.");
