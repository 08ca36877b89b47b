/** A text as a string literal of Python, which knows every escape of JSON's: https://docs.python.org/3/reference/lexical_analysis.html#escape-sequences */
export function quotePython(text: string): string {
  return JSON.stringify(text);
}
