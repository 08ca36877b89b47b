import { z } from "zod";

/** The kinds of backend stores, as configs name them. */
const BACKEND_STORES = ["sqlite", "postgresql", "managed-postgresql", "mysql", "managed-mysql"];

/** The word that lets a deploy give a job another kind of store. */
export function replaces<Word extends z.ZodType>(word: Word, why: string) {
  return word.optional().describe(why);
}

/** The same for a backend store of this type. */
export function replacesRuns(type: string) {
  return replaces(
    z.enum(BACKEND_STORES.filter((each) => each !== type)),
    "Needed where the job runs with that backend store: its runs are not moved, so new ones begin here.",
  );
}
