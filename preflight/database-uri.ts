const SCHEMES = {
  postgresql: /^postgresql(\+psycopg2)?:\/\//,
  mysql: /^mysql(\+pymysql)?:\/\//,
};

/** RFC 3986: what may stand in the part before the @, and the name of a database, as it is. */
const USER_INFO = /^([\w.~!$&'()*+,;=:-]|%[0-9A-Fa-f]{2})*$/;

/**
 * What is wrong with the URI of a database, in one line that tells nothing of it: it holds
 * a password. What a URI keeps for itself has to be escaped; else a part of the password is taken
 * for the host, and told in error messages.
 */
export function databaseUriProblem(uri: string, kind: keyof typeof SCHEMES): string | undefined {
  const expected = `${kind}://USER:PASSWORD@HOST:PORT/DATABASE`;
  if (!SCHEMES[kind].test(uri)) return `found another kind of URI; expected ${expected}`;
  const rest = uri.slice(uri.indexOf("://") + 3);
  const at = rest.lastIndexOf("@");
  const [user = "", ...password] = rest.slice(0, Math.max(at, 0)).split(":");
  if (at < 0 || user === "") return `found no user; expected ${expected}`;
  if (!USER_INFO.test(user) || !USER_INFO.test(password.join(":")))
    return "its user or password holds characters that a URI keeps for itself; write @ as %40, : as %3A, / as %2F, ? as %3F, # as %23, [ as %5B, ] as %5D, % as %25, a blank as %20";
  const [, host, port, database] =
    /^([^:/?#[\]\s]+|\[[0-9A-Fa-f:.]+\])(?::(\d{1,5}))?\/([^/?#\s]*)(?:\?[^#\s]*)?$/.exec(
      rest.slice(at + 1),
    ) ?? [];
  if (!host || (port && !(Number(port) >= 1 && Number(port) <= 65535)))
    return `found no host, port and database after the @; expected ${expected}`;
  if (!database || !USER_INFO.test(database)) return `found no database; expected ${expected}`;
  if (kind !== "mysql") return undefined;
  const problem = mysqlPasswordProblem(unescaped(password.join(":")));
  return problem && `its password ${problem}`;
}

/** What is no UTF-8 is beyond ASCII as well. */
function unescaped(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return "\ufffd";
  }
}

/** What is wrong with a password for MySQL: its driver sends it in another encoding than the server keeps it in. */
export function mysqlPasswordProblem(password: string): string | undefined {
  return /^\p{ASCII}*$/u.test(password)
    ? undefined
    : "holds characters beyond ASCII, which MySQL's driver does not send as they are; set one without";
}

/**
 * What is wrong with an URI that is used with a caBundle: it may not weaken what that asks for.
 *
 * @param key of the store, such as storage.backendStore
 */
export function tlsOptionProblem(uri: string, key: string): string | undefined {
  const options = new URLSearchParams(uri.slice(uri.lastIndexOf("?") + 1));
  const [option] = [...options.keys()].filter(
    (each) => uri.includes("?") && each.startsWith("ssl"),
  );
  return option && `found the option ${option}, which ${key}.caBundle sets; leave it out`;
}
