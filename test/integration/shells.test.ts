import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { describe, expect, it } from "vitest";
import { exportsFor, howToGivePassword, type Shell } from "../../client/shells.ts";
import { testToolsDirectory } from "../tools.ts";
import { HOSTILE } from "../unit/synth.ts";

const python = join(testToolsDirectory(), "python");
const SHOW = "import json, os; print(json.dumps({k: os.environ[k] for k in ('PLAIN', 'TEXT')}))";

/** What a program that a shell starts finds in its environment, after it has read the lines. */
async function read(shell: Shell, command: string[], text: string) {
  const lines = exportsFor(shell, { PLAIN: "http://localhost:24680", TEXT: text }).join("\n");
  const [program = "", ...args] = command;
  const { stdout } = await execa(program, [...args, `${lines}\n'${python}' -c "${SHOW}"`]);
  return JSON.parse(stdout);
}

const TEXTS = [
  HOSTILE,
  "a b",
  "o'brien",
  "\\",
  "\\'",
  "'",
  "$HOME",
  "50%",
  "a#b",
  " a ",
  '"',
  "é漢",
];

describe("what a shell is given arrives as it was", () => {
  it.each(TEXTS)("in sh: %j", async (text) => {
    expect((await read("sh", ["sh", "-c"], text)).TEXT).toBe(text);
  });

  it.each(TEXTS)("in bash, by eval of a substitution: %j", async (text) => {
    const lines = exportsFor("sh", { TEXT: text }).join("\n");
    const script = 'eval "$(printf "%s\\n" "$LINES_TO_EVAL")"; printf "%s" "$TEXT"';
    const { stdout } = await execa("bash", ["-c", script], {
      env: { LINES_TO_EVAL: lines },
      stripFinalNewline: false,
    });
    expect(stdout).toBe(text);
  });

  it.each(TEXTS)("in fish: %j", async (text) => {
    expect((await read("fish", ["fish", "--no-config", "-c"], text)).TEXT).toBe(text);
  });

  it.each(TEXTS)("in Python: %j", async (text) => {
    const lines = exportsFor("python", { PLAIN: "p", TEXT: text });
    const { stdout } = await execa(python, ["-"], { input: [...lines, SHOW].join("\n") });
    expect(JSON.parse(stdout).TEXT).toBe(text);
  });

  it("in PowerShell can't be tried here: it is in no registry that the tests may use", () => {
    expect(exportsFor("powershell", { TEXT: "a'b$c`d’e" })).toEqual(["$Env:TEXT = 'a''b$c`d’’e'"]);
  });
});

describe("what a .env file is given", () => {
  const readers: [string, (file: string) => Promise<string>][] = [
    [
      "python-dotenv",
      async (file) => {
        const script =
          "import json, sys, dotenv; print(json.dumps(dotenv.dotenv_values(sys.argv[1])))";
        return (await execa(python, ["-c", script, file])).stdout;
      },
    ],
    [
      "Node.js",
      async (file) => {
        const script = "console.log(JSON.stringify({ TEXT: process.env.TEXT }))";
        return (await execa("node", [`--env-file=${file}`, "-e", script])).stdout;
      },
    ],
    [
      "sh",
      async (file) => {
        const script = `set -a; . '${file}'; '${python}' -c 'import json, os; print(json.dumps(dict(os.environ)))'`;
        return (await execa("sh", ["-c", script])).stdout;
      },
    ],
  ];
  const texts = TEXTS.filter((text) => !/['\\\n]|\$\{/.test(text));

  it.each(readers)("%s reads as it was", async (_, reader) => {
    expect(texts.length).toBeGreaterThan(5);
    for (const text of texts) {
      const file = join(mkdtempSync(join(tmpdir(), "homelab-dotenv-")), ".env");
      writeFileSync(file, `${exportsFor("dotenv", { TEXT: text }).join("\n")}\n`);
      expect(JSON.parse(await reader(file)).TEXT).toBe(text);
    }
  });

  it.each(TEXTS.filter((text) => !texts.includes(text)))(
    "is refused where readers differ: %j",
    (text) => {
      expect(() => exportsFor("dotenv", { TEXT: text })).toThrow(
        "TEXT: its value has a ', a \\, a line's end or ${",
      );
    },
  );
});

describe("the way to give a password", () => {
  it("works in sh", async () => {
    // A terminal, as stty wants one.
    const script = `${howToGivePassword("sh")}; ${python} -c 'import os; print(len(os.environ["MLFLOW_TRACKING_PASSWORD"]))'`;
    const { stdout } = await execa(
      "script",
      ["-qec", `sh -c ${JSON.stringify(script)}`, "/dev/null"],
      {
        input: "pass word\\\n",
      },
    );
    expect(stdout).toContain("Password: ");
    expect(stdout).toContain(String("pass word\\".length));
  });

  it("works in fish", async () => {
    const script = `${howToGivePassword("fish")}; printf "[%s]" $MLFLOW_TRACKING_PASSWORD`;
    const { stdout } = await execa("fish", ["--no-config", "-c", script], { input: "pass word\n" });
    expect(stdout).toContain("[pass word]");
  });

  it("works in Python", async () => {
    const script = `import os\n${howToGivePassword("python")}\nprint(os.environ["MLFLOW_TRACKING_PASSWORD"])`;
    const { stdout } = await execa(python, ["-W", "ignore", "-c", script], {
      input: "pass word\n",
    });
    expect(stdout).toContain("pass word");
  });
});
