import { defineConfig } from "vitest/config";

const project = (name: string, minutes: number, globalSetup: string[] = []) => ({
  test: {
    name,
    include: [`test/${name}/**/*.test.ts`],
    testTimeout: minutes * 60_000,
    hookTimeout: minutes * 60_000,
    globalSetup,
  },
});

export default defineConfig({
  test: {
    projects: [
      project("unit", 1),
      project("integration", 10, ["test/lab-setup.ts"]),
      project("e2e", 20, ["test/lab-setup.ts"]),
      // Only where they are named: virtual machines, and a deploy for each mode, take long.
      ...["acceptance", "modes-matrix"]
        .filter((name) => process.argv.some((each) => each.endsWith(name)))
        .map((name) => project(name, 60, ["test/lab-setup.ts"])),
    ],
    // The real servers are one set; two files at a time would deploy over each other.
    fileParallelism: false,
  },
});
