/** What a file of sidecars may say. Each value that is no list or mapping is read as a text. */
import { parse as parseShell } from "shell-quote";
import { z } from "zod";
import { IMAGE, name, VARIABLE_NAME } from "../../config/fields.ts";
import { A_STORE, storeName } from "../../files/paths.ts";
import { memory, whole } from "../parse.ts";
import { Wrong } from "../wrong.ts";
import { READY_TASK, SIDECAR_CPU, SIDECAR_MEMORY, WATCH_TASK } from "./sidecar.ts";

/** A text that one of the readers of options takes. */
const readBy = <T>(read: (text: string) => T, allowed: string) =>
  z.string({ error: allowed }).transform((text, context) => {
    try {
      return read(text);
    } catch (error) {
      if (!(error instanceof Wrong)) throw error;
      context.addIssue({ code: "custom", message: error.message, input: text });
      return z.NEVER;
    }
  });

const A_PORT = "a port from 1 to 65535";
const port = readBy((text) => {
  const number = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (number < 1 || number > 65535) throw new Wrong(A_PORT);
  return number;
}, A_PORT);

const COMMAND = "a command and its arguments, as one text or as a list";
const command = z.union(
  [
    readBy(shellWords, COMMAND),
    z.array(z.string({ error: "a text" }), { error: COMMAND }).min(1, { error: COMMAND }),
  ],
  { error: COMMAND },
);

/** Nothing reads the command but the program itself, so what only a shell understands is refused. */
function shellWords(text: string): string[] {
  // Nomad puts in its own variables.
  const variable = (key: string) => (/^NOMAD_/.test(key) ? `\${${key}}` : { op: `$${key}` });
  const parts = parseShell<{ op: string }>(text, variable);
  if (parts.length === 0) throw new Wrong(COMMAND);
  return parts.map((part) => {
    if (typeof part === "string") return part;
    if ("pattern" in part) return part.pattern;
    const found = "comment" in part ? `#${part.comment}` : part.op;
    throw new Wrong(`words without ${found}, as no shell reads them; sh -c '...' is one that does`);
  });
}

const filestore = z.strictObject(
  { name: readBy(storeName, A_STORE) },
  { error: "a file store, as name: ..." },
);

const reserved = [READY_TASK, WATCH_TASK];
/** The name of a sidecar. */
export const sidecarName = name().refine((each) => !reserved.includes(each), {
  error: `a name other than ${reserved.join(" and ")}, which are ours`,
});
/** The name of a sidecar's environment variable. */
export const variableName = z
  .string()
  .regex(VARIABLE_NAME, { error: "a name of letters, digits and _" });

const sidecar = z.strictObject(
  {
    image: z
      .string({ error: "an image, such as astral/uv:debian-slim" })
      .regex(IMAGE, { error: "an image, such as astral/uv:debian-slim" }),
    command: command.default([]),
    ports: z.array(port, { error: "a list of ports" }).default([]),
    env: z
      .record(z.string(), z.string({ error: "a text" }), { error: "variables, as NAME: value" })
      .default({}),
    filestores: z.array(filestore, { error: "a list of file stores" }).default([]),
    cpu: readBy(whole(1, 1_000_000), "MHz").default(SIDECAR_CPU),
    memory: readBy(memory, "MiB, or a size such as 2GiB").default(SIDECAR_MEMORY),
  },
  { error: "a sidecar, with at least image: ..." },
);

/** Sidecars by their names, which are checked apart: a wrong one would hide what is wrong below it. */
export const sidecarsSchema = z.record(z.string(), sidecar, {
  error: "sidecars by their names, each with at least image: ...",
});

/** What a sidecar may have, for the nearest name. */
export const SIDECAR_KEYS = Object.keys(sidecar.shape);
export const FILESTORE_KEYS = Object.keys(filestore.shape);
