import type { z } from "zod";

/** Of a backend store. */
export const RUNS_STAY =
  "Needed where the job runs with that backend store: its runs are not moved, so new ones begin here.";

/** The word that lets a deploy give a job another kind of store. */
export function replaces<Word extends z.ZodType>(word: Word, why: string) {
  return word.optional().describe(why);
}
