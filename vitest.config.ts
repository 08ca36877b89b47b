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
      // Only where it is named: its virtual machines take long.
      ...(process.argv.some((each) => each.endsWith("acceptance"))
        ? [project("acceptance", 60, ["test/lab-setup.ts"])]
        : []),
    ],
    // The real servers are one set; two files at a time would deploy over each other.
    fileParallelism: false,
  },
});
