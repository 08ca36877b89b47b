/** A text as one word of fish, where only these two are escaped: https://fishshell.com/docs/current/language.html#quotes */
export function quoteFish(text: string): string {
  return `'${text.replace(/[\\']/g, "\\$&")}'`;
}
