import type { LabSettings } from "./settings.ts";

/** What every step of lab-up is given. */
export interface Work {
  readonly settings: LabSettings;
  /** Aborted by Ctrl-C: whatever takes long listens to it. */
  readonly signal: AbortSignal;
  /** Tells the reader in one line what is being done now. */
  readonly say: (line: string) => void;
}
