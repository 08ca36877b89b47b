/** Where registered models are kept. */
import { z } from "zod";
import { externalDatabase } from "./external-database.ts";
import { replaces } from "./replaces.ts";

const TYPES = ["backendStore", "postgresql", "mysql"];

function replacesModels(type: string) {
  return replaces(
    z.enum(TYPES.filter((each) => each !== type)),
    "Needed where the job keeps its models there: they are not moved, so new ones begin here.",
  );
}

const withRuns = z.strictObject({
  type: z.literal("backendStore").describe("With the runs, in storage.backendStore."),
  replaces: replacesModels("backendStore"),
});

export const registryStore = z
  .discriminatedUnion(
    "type",
    [
      withRuns,
      externalDatabase("postgresql").extend({ replaces: replacesModels("postgresql") }),
      externalDatabase("mysql").extend({ replaces: replacesModels("mysql") }),
    ],
    { error: '"backendStore", "postgresql" or "mysql"' },
  )
  .default({ type: "backendStore" })
  .describe("Where registered models and prompts are kept.");

/** Of a checked config. */
export type RegistryStore = z.output<typeof registryStore>;
