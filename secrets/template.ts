/** In the language of Nomad's templates: one generation of the variable, as it is. */
export function secretsTemplate({
  path,
  generation,
}: {
  path: string;
  generation: string;
}): string {
  return `{{ with nomadVar "${path}" }}{{ index . "${generation}" }}{{ end }}`;
}
