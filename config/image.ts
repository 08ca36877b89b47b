import { z } from "zod";
import { absolutePath, id, image as imageReference } from "./fields.ts";

/** The server's image. */
export const image = z
  .strictObject({
    name: z
      .string()
      .regex(/^(?=.{1,128}$)[a-z0-9]+([._-][a-z0-9]+)*(\/[a-z0-9]+([._-][a-z0-9]+)*)*$/, {
        error: "a repository name of at most 128 lower-case letters, digits and . _ - /",
      })
      .default("mlflow")
      .describe("Repository name in the registry. The tag is v and what version.txt says."),
    baseImage: imageReference("python:3.11-slim-bookworm")
      .default("python:3.11-slim-bookworm")
      .describe("Base image: a slim Debian with Python 3.11 to 3.13."),
    uid: id("uid").default(1000).describe("User id of the server, and owner of the volumes."),
    gid: id("gid").default(1000).describe("Group id of the server, and group of the volumes."),
    caBundle: absolutePath()
      .optional()
      .describe(
        "PEM file of certificate authorities for the build, where a proxy or mirror has a private CA. A BuildKit secret: it is not in the image.",
      ),
  })
  .prefault({})
  .describe("The server's image, built from image/.");
