import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import Handlebars from "handlebars";
import { quoteHcl } from "./quote-hcl.ts";
import { quoteYaml } from "./quote-yaml.ts";

const DIRECTORY = dirname(fileURLToPath(import.meta.url));

/** The files in templates/, by their names without `.hbs`. */
export type TemplateName =
  | "mlflow.nomad.hcl"
  | "probe.nomad.hcl"
  | "sweep.nomad.hcl"
  | "files.nomad.hcl"
  | "database.nomad.hcl"
  | "database-probe.nomad.hcl"
  | "playbook.yml"
  | "inventory.yml"
  | "volumes.hcl"
  | "dns-playbook.yml"
  | "dns-inventory.yml";

// An instance of our own: helpers of other users of Handlebars don't reach our templates.
const handlebars = Handlebars.create();
handlebars.registerHelper("hcl", quoteHcl);
handlebars.registerHelper("yaml", quoteYaml);

handlebars.registerPartial("inventory-host", read("inventory-host.yml"));
handlebars.registerPartial("sweep-tracker", read("sweep-tracker.nomad.hcl"));

/**
 * Renders a template. Nothing is escaped for HTML; every text of a user goes through the helper of
 * the language it lands in: `{{hcl x}}` or `{{yaml x}}`.
 *
 * @param name the template
 * @param data what it reads; a name it reads and that is missing throws
 */
export function render(name: TemplateName, data: object): string {
  return handlebars.compile(read(name), { noEscape: true, strict: true })(data);
}

function read(name: string): string {
  return readFileSync(join(DIRECTORY, `${name}.hbs`), "utf8");
}
