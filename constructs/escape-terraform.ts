/**
 * A text that Terraform hands on as it is: nothing in it is interpolated.
 * https://developer.hashicorp.com/terraform/language/expressions/strings#escape-sequences-1
 */
export function escapeTerraform(text: string): string {
  return text.replaceAll("${", "$${").replaceAll("%{", "%%{");
}
