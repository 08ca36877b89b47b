import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { configurationReference, REFERENCE } from "../../../config/reference.ts";
import { homelabSchema } from "../../../config/schema.ts";

type Schema = z.core.JSONSchema.BaseSchema;

/** The paths of all fields without a description. */
function undescribed(schema: Schema, path: string): string[] {
  const own = Object.entries(schema.properties ?? {}).flatMap(([key, value]) => {
    const field = value as Schema;
    const at = `${path}.${key}`;
    return [...(field.description ? [] : [at]), ...undescribed(field, at)];
  });
  const items = schema.items ? undescribed(schema.items as Schema, `${path}[]`) : [];
  return [...own, ...items, ...(schema.anyOf ?? []).flatMap((s) => undescribed(s as Schema, path))];
}

describe("docs/configuration.md", () => {
  it("is what the schema says today (npm run reference writes it)", () => {
    expect(readFileSync(REFERENCE, "utf8")).toBe(configurationReference());
  });

  it("describes every field", () => {
    expect(undescribed(z.toJSONSchema(homelabSchema, { io: "input" }), "")).toEqual([]);
  });
});
