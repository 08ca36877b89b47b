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

/** The same for one of its secrets, as it is. */
export function secretTemplate(
  { path, generation }: { path: string; generation: string },
  name: string,
): string {
  return `{{ with nomadVar "${path}" }}{{ with (index . "${generation}").Value | parseJSON }}{{ .${name} }}{{ end }}{{ end }}`;
}
