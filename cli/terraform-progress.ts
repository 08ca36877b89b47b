import { fullDisk, tellsOfFullDisk } from "./full-disk.ts";

/** What one line of a deploy's output says about a resource, or about the whole. */
export type TerraformEvent =
  | { readonly kind: "planned"; readonly resource: string }
  | {
      readonly kind: "completed";
      readonly resource: string;
      /** As Terraform writes it, such as "1m2s". */
      readonly took: string;
    }
  | { readonly kind: "plan-made" }
  | { readonly kind: "said"; readonly resource: string; readonly text: string }
  | {
      readonly kind: "summary";
      readonly added: number;
      readonly changed: number;
      readonly destroyed: number;
    };

/** cdktf puts the stack's name, or blanks of that width, before each line. */
const PREFIX = /^(?:mlflow)?\s*/;

/** Terraform naming the command, Ansible's results and recap, Nomad's ids and links. */
const NOISE_OF_PROGRAMS =
  /^(Executing: |(ok|changed|skipping|included|fatal|failed): |PLAY |\S+ +: ok=|Evaluation ID: |==> View this job )/;

/**
 * Reads a line of `cdktf deploy`, which hands on Terraform's own lines.
 *
 * @returns undefined for a line that is about none of this
 */
export function parseTerraformLine(line: string): TerraformEvent | undefined {
  const text = line.replace(PREFIX, "").trimEnd();
  const summary = /^Apply complete! Resources: (\d+) added, (\d+) changed, (\d+) destroyed\./.exec(
    text,
  );
  if (summary) {
    const [added = 0, changed = 0, destroyed = 0] = summary.slice(1).map(Number);
    return { kind: "summary", added, changed, destroyed };
  }
  if (/^(Plan: \d|No changes\.|You can apply this plan)/.test(text)) return { kind: "plan-made" };
  // "will be created", "must be replaced", "is tainted, so must be replaced", ...
  const planned =
    /^# ([a-z_]+\.[\w-]+)(?: \([^()]*\))?(?:\[0\])? (will|must|is tainted)\b(?!.* destroyed)/.exec(
      text,
    );
  if (planned?.[1]) return { kind: "planned", resource: planned[1] };
  // ADDRESS (CONSTRUCT/PATH): what happens; the path is cdktf's addition.
  const about = /^([a-z_]+\.[\w-]+)(?: \([^()]*\))?(?:\[0\])?(?: \((local-exec)\))?: (.*)$/.exec(
    text,
  );
  if (!about) return undefined;
  const [, resource = "", provisioner, said = ""] = about;
  if (provisioner) {
    const text = worthSaying(said);
    return text ? { kind: "said", resource, text } : undefined;
  }
  const took = /^(?:Creation|Modifications) complete after (\w+)/.exec(said)?.[1];
  return took ? { kind: "completed", resource, took } : undefined;
}

/** What of a program's output tells where it is: of Ansible's the tasks, of Terraform's own nothing. */
function worthSaying(text: string): string | undefined {
  const task = /^(?:TASK|RUNNING HANDLER) \[(?:\S+ : )?(.*)\] \**$/.exec(text)?.[1];
  // Ansible's own look at a role's arguments, before each role.
  if (task) return task.startsWith("Validating arguments ") ? undefined : task;
  return NOISE_OF_PROGRAMS.test(text) ? undefined : text.trim() || undefined;
}

/** What our own programs warn of: it went well, and there is something to be done by hand. */
export function warningsIn(output: readonly string[]): string[] {
  return output.flatMap((line) => /\(local-exec\): (warning: .*)$/.exec(line)?.[1]?.trim() ?? []);
}

/** cdktf's own account of a failure says nothing that Terraform's lines do not. */
const NOISE = /^(\d+ Stacks? deploying|Invoking Terraform CLI failed)/;

/**
 * What a user has to read of a failed deploy: our own lines where there are any, else Terraform's.
 *
 * @param output everything the deploy printed
 */
export function explainFailure(output: readonly string[]): string[] {
  const locked = output.findIndex((line) => line.includes("Error acquiring the state lock"));
  if (locked >= 0) {
    const who = output
      .slice(locked)
      .find((line) => /\bWho:/.test(line))
      ?.replace(/^.*Who:\s*/, "");
    return [`another deploy is running (${who ?? "elsewhere"}): wait until it has ended`];
  }
  const full = output.find(tellsOfFullDisk);
  if (full) return [fullDisk(full.replace(PREFIX, "").replace(/^│ ?/, ""))];
  const refusals = output.flatMap(ansibleRefusal);
  if (refusals.length > 0) return [...new Set(refusals)];
  const ours = output
    .map((line) => /^.*?(?<!rpc )\berror: (.*)$/.exec(line.replace(/^\s*│?\s*/, ""))?.[1]?.trim())
    .filter((line) => line !== undefined && line !== "");
  // Terraform repeats them, broken into lines of its own.
  const whole = ours.filter((a) => !ours.some((b) => b !== a && b?.startsWith(a as string)));
  if (whole.length > 0) return [...new Set(whole as string[])];
  const plain = output.map((line) => line.replace(PREFIX, "").replace(/^│ ?/, "").trimEnd());
  const from = plain.findIndex((line) => /^\s*Error: /.test(line));
  return (from < 0 ? plain : plain.slice(from))
    .filter((line) => line.trim() !== "" && !NOISE.test(line))
    .slice(0, 30);
}

/** The message of a task that failed, from the line in which Ansible prints its result as JSON. */
function ansibleRefusal(line: string): string[] {
  const [, host = "", result] =
    /(?:^|\(local-exec\): )(?:fatal|failed): \[([^\]]+)\].*? => (\{.*\})$/.exec(line) ?? [];
  if (!result) return [];
  const message = messageOf(result);
  if (!message || message === "One or more items failed" || message === "All items completed")
    return [];
  // Our roles' messages begin with the host, Ansible's own do not.
  return [message.startsWith(`${host}: `) ? message : `${host}: ${message}`];
}

function messageOf(result: string): string | undefined {
  try {
    return String(JSON.parse(result).msg ?? "").trim();
  } catch {
    return undefined; // not the whole of it on this line
  }
}
