import { z } from "zod";

/**
 * What Nomad 1.11 takes: Constraint.Validate and validateConstraintAttribute in nomad/structs. It takes
 * an attribute without ${} too, as a literal text, which is the same on each client.
 */
const OPERATORS = [
  ...["=", "==", "is", "!=", "not", ">", ">=", "<", "<="],
  ...["regexp", "version", "semver", "set_contains", "set_contains_all", "set_contains_any"],
  ...["is_set", "is_not_set", "distinct_hosts", "distinct_property"],
] as const;
const ATTRIBUTE =
  /^\$\{(node\.(unique\.id|unique\.name|datacenter|class|pool)|(attr|device|meta)\.[^{}]+)\}$/;
const VERSION = /^\s*(<=|>=|!=|~>|[<>=])?\s*v?\d+(\.\d+)*([-+~A-Za-z][\w.+~-]*)?\s*$/;

/** What a constraint's value has to be, or undefined when it is. */
function wrongValue(operator: (typeof OPERATORS)[number], value: string): string | undefined {
  switch (operator) {
    case "is_set":
    case "is_not_set":
      return value === "" ? undefined : `no value with the operator "${operator}"`;
    case "distinct_hosts":
      return ["", "true", "false"].includes(value) ? undefined : 'no value, "true" or "false"';
    case "distinct_property":
      return /^(0*[1-9]\d{0,17})?$/.test(value) ? undefined : 'no value, or a number such as "2"';
    case "version":
    case "semver": {
      const known = value.split(",").every((each) => VERSION.test(each));
      // Only the older of the two knows "~>".
      if (known && !(operator === "semver" && value.includes("~>"))) return undefined;
      return 'versions, such as ">= 1.2, < 2"';
    }
    default:
      return value === "" ? `a value to compare with, as "${operator}" needs one` : undefined;
  }
}

/** A constraint block of a Nomad job. */
export const constraint = z
  .strictObject({
    attribute: z
      .string()
      .refine((each) => each === "" || ATTRIBUTE.test(each), {
        error:
          "one of ${node.class}, .pool, .datacenter, .unique.name, .unique.id, ${attr.NAME}, ${meta.NAME}",
      })
      .default("")
      .describe("Attribute, such as ${node.class}; distinct_hosts needs none."),
    operator: z.enum(OPERATORS).default("=").describe("Operator of Nomad's constraint block."),
    value: z.string().default("").describe("Value to compare with, where the operator takes one."),
  })
  .superRefine(({ attribute, operator, value }, context) => {
    if (attribute === "" && operator !== "distinct_hosts")
      context.addIssue({
        code: "custom",
        path: ["attribute"],
        input: attribute,
        message: "an attribute, such as ${node.class}",
      });
    const message = wrongValue(operator, value);
    if (message) context.addIssue({ code: "custom", path: ["value"], input: value, message });
  });
