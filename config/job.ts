import { z } from "zod";
import { constraint } from "./constraint.ts";
import { name, port, wholeNumber } from "./fields.ts";

/** The Nomad job. */
export const job = z
  .strictObject({
    name: name().default("mlflow").describe("Name of the Nomad job."),
    priority: wholeNumber("", 1, 100)
      .default(50)
      .describe("Priority of the job; higher goes first."),
    count: wholeNumber("", 1, 32)
      .default(1)
      .describe(
        "Servers at a time, spread over the clients. More than 1 only with stores that they can share.",
      ),
    port: port()
      .optional()
      .describe("Fixed port on the Nomad client. Default: Nomad picks one; Traefik finds it."),
    constraints: z
      .array(constraint)
      .default([])
      .describe("Constraints on the clients the job may run on."),
    killTimeout: wholeNumber("seconds, ", 1, 600)
      .default(30)
      .describe("Seconds the server has to end its requests before it is killed."),
    healthyDeadline: wholeNumber("seconds, ", 30, 3600)
      .default(180)
      .describe(
        "Seconds a new server has to become healthy, the pull of its image included, before the old one is put back.",
      ),
    adopt: z
      .boolean()
      .default(false)
      .describe("Take over a job of this name that an earlier deploy from here did not make."),
  })
  .prefault({})
  .describe("The Nomad job.");
