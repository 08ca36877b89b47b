import type { Bench } from "./bench.ts";

/** What a figure is to be held against: another number, and how. */
export interface Row {
  /** What was measured, in a few words. */
  readonly what: string;
  readonly unit: string;
  /** The median of the samples. */
  readonly ours: number;
  /** The same of what it is compared with, and what that is. */
  readonly comparison?: { readonly with: string; readonly value: number };
  /** From the issue; rows without one are there to be seen. */
  readonly target?: Target;
  /** Every sample, for the JSON file. */
  readonly samples: unknown;
  /** What a reader has to know of it. */
  readonly note?: string;
}

export interface Target {
  /** As it is printed, such as "< 10 s". */
  readonly text: string;
  readonly reached: boolean;
}

export interface Figure {
  /** What --only takes. */
  readonly name: string;
  readonly title: string;
  /** How often it is measured, unless --rounds says less. */
  readonly rounds: number;
  readonly measure: (bench: Bench, rounds: number) => Promise<Row[]>;
}
