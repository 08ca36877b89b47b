/**
 * A value as YAML for Ansible. JSON is YAML; `!unsafe` keeps Ansible from reading a text as Jinja:
 * https://docs.ansible.com/ansible/latest/playbook_guide/playbooks_advanced_syntax.html#unsafe-or-raw-strings
 */
export function quoteYaml(value: string | number | boolean | readonly string[]): string {
  if (typeof value === "object") return `[${value.map((each) => quoteYaml(each)).join(", ")}]`;
  if (typeof value !== "string") return String(value);
  // YAML, unlike JSON, breaks lines at these.
  const escaped = JSON.stringify(value).replace(
    /[\p{Cc}\u2028\u2029\ufeff]/gu,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  return /\{[{%#]/.test(value) ? `!unsafe ${escaped}` : escaped;
}
