/**
 * A text as a value in a .env file. There is no standard: Docker knows no quotes, Node.js no escapes,
 * and python-dotenv expands `${NAME}` even between single quotes. So only what all of them read alike
 * is written, but that Docker takes the quotes of an unusual text as part of it.
 *
 * @returns undefined where they would read different texts
 */
export function quoteDotenv(text: string): string | undefined {
  if (/^[A-Za-z0-9_./:@%+=,-]+$/.test(text)) return text;
  if (/['\\\r\n]|\$\{/.test(text)) return undefined;
  return `'${text}'`;
}
