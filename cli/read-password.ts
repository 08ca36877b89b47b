import { createInterface } from "node:readline";
import { Writable } from "node:stream";
import { text } from "node:stream/consumers";
import { passwordProblem } from "../config/auth.ts";
import { UserError } from "../config/errors.ts";
import { Interrupted } from "../lab/errors.ts";
import { BAD_INPUT } from "./exit-code.ts";

/**
 * A new password: typed twice at a terminal, which does not show it, or the first line of what is
 * piped in.
 *
 * @throws UserError where it is none that MLflow takes
 */
export async function readNewPassword(of: string): Promise<string> {
  const typed = process.stdin.isTTY;
  const password = typed ? await ask(`New password of ${of}: `) : await firstLine();
  const problem = passwordProblem(password);
  if (problem) throw new UserError([`password: ${problem}`], BAD_INPUT);
  if (typed && (await ask("Again: ")) !== password)
    throw new UserError(["password: the two are not the same; nothing was changed"], BAD_INPUT);
  return password;
}

async function firstLine(): Promise<string> {
  return (await text(process.stdin)).split(/\r?\n/, 1)[0] ?? "";
}

function ask(question: string): Promise<string> {
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const terminal = createInterface({ input: process.stdin, output: silent, terminal: true });
  process.stderr.write(question);
  return new Promise((resolve, reject) => {
    const end = (act: () => void) => {
      terminal.close();
      process.stderr.write("\n");
      act();
    };
    terminal.once("SIGINT", () =>
      end(() => reject(new Interrupted("Interrupted; nothing was changed."))),
    );
    terminal.question("", (answer) => end(() => resolve(answer)));
  });
}
