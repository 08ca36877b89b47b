import { defineConfig } from "vitest/config";

const LAB = { globalSetup: ["test/lab-setup.ts"], setupFiles: ["test/tell-of-lab.ts"] };

const project = (name: string, minutes: number, setup: Partial<typeof LAB> = {}) => ({
  test: {
    name,
    include: [`test/${name}/**/*.test.ts`],
    testTimeout: minutes * 60_000,
    hookTimeout: minutes * 60_000,
    ...setup,
  },
});

export default defineConfig({
  test: {
    projects: [
      project("unit", 1),
      project("integration", 10, LAB),
      project("e2e", 20, LAB),
      // Only where they are named: virtual machines, and a deploy for each mode, take long.
      ...["acceptance", "modes-matrix"]
        .filter((name) => process.argv.some((each) => each.endsWith(name)))
        .map((name) => project(name, 60, LAB)),
    ],
    // The real servers are one set; two files at a time would deploy over each other.
    fileParallelism: false,
  },
});
