import { basename } from "node:path";
import { UserError } from "../config/errors.ts";
import { quoteDotenv } from "../templates/quote-dotenv.ts";
import { quoteFish } from "../templates/quote-fish.ts";
import { quotePowershell } from "../templates/quote-powershell.ts";
import { quotePython } from "../templates/quote-python.ts";
import { quoteShell } from "../templates/quote-shell.ts";

/** What an environment can be written for. */
export const SHELLS = ["sh", "fish", "powershell", "dotenv", "python"] as const;
export type Shell = (typeof SHELLS)[number];

type Variables = Readonly<Record<string, string>>;

/** The user's shell by SHELL, which names the login shell; sh for all that it is like. */
export function detectShell(env: NodeJS.ProcessEnv, platform = process.platform): Shell {
  const name = basename(env.SHELL ?? "").replace(/\.exe$/i, "");
  if (name === "fish") return "fish";
  if (name === "pwsh" || (name === "" && platform === "win32")) return "powershell";
  return "sh";
}

/**
 * The lines that set variables, in a shell's own language.
 *
 * @throws UserError for a value that can't be written there
 */
export function exportsFor(shell: Shell, variables: Variables): string[] {
  const all = Object.entries(variables);
  switch (shell) {
    case "sh":
      return all.map(([name, value]) => `export ${name}=${quoteShell(value)}`);
    case "fish":
      return all.map(([name, value]) => `set -gx ${name} ${quoteFish(value)}`);
    case "powershell":
      return all.map(([name, value]) => `$Env:${name} = ${quotePowershell(value)}`);
    case "python":
      return [
        "import os",
        ...all.map(([name, value]) => `os.environ["${name}"] = ${quotePython(value)}`),
      ];
    case "dotenv":
      return all.map(([name, value]) => `${name}=${dotenv(name, value)}`);
  }
}

function dotenv(name: string, value: string): string {
  const quoted = quoteDotenv(value);
  if (quoted !== undefined) return quoted;
  throw new UserError(
    [
      `${name}: its value has a ', a \\, a line's end or \${, which the readers of .env files read differently; use another --shell, or set it by hand`,
    ],
    2,
  );
}

/** How a password is set in a shell so that neither the terminal nor a history shows it. */
export function howToGivePassword(shell: Shell): string {
  const name = "MLFLOW_TRACKING_PASSWORD";
  switch (shell) {
    case "sh":
      return `printf 'Password: '; stty -echo; IFS= read -r ${name}; stty echo; export ${name}`;
    case "fish":
      return `read --silent --global --export --prompt-str 'Password: ' ${name}`;
    case "powershell":
      return `$Env:${name} = [Net.NetworkCredential]::new("", (Read-Host -AsSecureString Password)).Password`;
    case "python":
      return `import getpass; os.environ["${name}"] = getpass.getpass()`;
    case "dotenv":
      return `put ${name} into ~/.mlflow/credentials or where your secrets are, not beside the code`;
  }
}
