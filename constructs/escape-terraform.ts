/**
 * A text that Terraform hands on as it is: nothing in it is interpolated.
 * https://developer.hashicorp.com/terraform/language/expressions/strings#escape-sequences-1
 */
export function escapeTerraform(text: string): string {
  // A function, as "$$" in a replacement text would mean "$".
  return text.replace(/[$%](?=\{)/g, (sign) => sign + sign);
}
