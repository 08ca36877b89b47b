/** docs/configuration.md, made from the schema. `npm run reference` writes it. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { z } from "zod";
import { ROOT } from "./load.ts";
import { homelabSchema } from "./schema.ts";

export const REFERENCE = join(ROOT, "docs", "configuration.md");

type Schema = z.core.JSONSchema.BaseSchema;

const HEAD = `# Configuration

\`homelab.config.ts\` at the repository's root is what is deployed; \`HOMELAB_CONFIG\` names another
file. It is checked before anything is touched, and an unknown key is refused. Whole configs to start
from are in [examples/](../examples).

What other tools read stays theirs: every \`NOMAD_\` variable of the nomad command (\`NOMAD_ADDR\`,
\`NOMAD_TOKEN\`, \`NOMAD_CACERT\`, ...), \`DOCKER_HOST\` (\`ssh://\` too), and \`docker login\` for a registry
that wants one. A config only overrides them.

This page is generated from config/schema.ts: \`npm run reference\`.

| Key | Type | Default | What it is |
| --- | --- | --- | --- |
`;

/** The page's text. */
export function configurationReference(): string {
  const schema = z.toJSONSchema(homelabSchema, { io: "input" });
  return HEAD + rows(schema, "").join("\n").concat("\n");
}

function rows(schema: Schema, path: string): string[] {
  const required = new Set(schema.required ?? []);
  return Object.entries(schema.properties ?? {}).flatMap(([key, value]) => {
    const property = value as Schema;
    const at = path ? `${path}.${key}` : key;
    return [row(at, property, required.has(key)), ...nested(property, at)];
  });
}

/** The fields of an object, of a list's objects, and of each form of a union. */
function nested(schema: Schema, at: string): string[] {
  if (schema.type === "object") return rows(schema, at);
  if (schema.type === "array") return rows(schema.items as Schema, `${at}[]`);
  // What several forms have in common is told once.
  return [...new Set(forms(schema).flatMap((form) => rows(form, at)))];
}

/** The forms of a union, of one within it as well. */
function forms(schema: Schema): Schema[] {
  const own = (schema.anyOf ?? schema.oneOf ?? []) as Schema[];
  return own.flatMap((form) => (form.anyOf || form.oneOf ? forms(form) : [form]));
}

function row(at: string, schema: Schema, required: boolean): string {
  const fallback =
    schema.default === undefined || schema.type === "object"
      ? required
        ? "required"
        : ""
      : `\`${JSON.stringify(schema.default)}\``;
  const text = (schema.description ?? "").replaceAll("|", "\\|");
  return `| \`${at}\` | ${type(schema)} | ${fallback} | ${text} |`;
}

function type(schema: Schema): string {
  if (schema.enum) return schema.enum.map((each) => `\`"${each}"\``).join(" or ");
  if (schema.const !== undefined) return `\`${JSON.stringify(schema.const)}\``;
  if (schema.anyOf || schema.oneOf) return "one of the forms below";
  if (schema.type === "array") return `list of ${type(schema.items as Schema)}s`;
  if (schema.type === "object" && !schema.properties)
    return schema.additionalProperties === undefined ||
      "type" in Object(schema.additionalProperties)
      ? "names and texts"
      : "names and places of secrets";
  if (schema.type !== "integer") return String(schema.type);
  const { minimum = "", maximum = "" } = schema;
  const open = maximum === "" || Number(maximum) >= Number.MAX_SAFE_INTEGER;
  return open ? `integer from ${minimum}` : `integer, ${minimum} to ${maximum}`;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href)
  writeFileSync(REFERENCE, configurationReference());
