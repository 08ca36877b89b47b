import "vitest";

declare module "vitest" {
  interface TaskMeta {
    /** What was measured beside what was asserted, for the report: a name and a figure with its unit. */
    measured?: Record<string, string>;
  }
}
