/** Lines that lead to other files or to this machine: the image's build gets this one file alone. */
const ELSEWHERE = [
  /^(-[rce]|--(requirement|constraint|editable)\b)/,
  /^(-f|--find-links)[\s=]*(?!\S*:\/\/)\S/,
  /^(\.{0,2}(\/|$|\[)|(git\+)?file:|[^#]*@\s*(git\+)?file:)/,
  // A file of a package, or in a folder.
  /^(?!-|\S*:\/\/|\S*\$\{)[^\s#;]+(\/|\.(whl|zip|tgz|tar\.\w+)(?![^\s;[]))/,
];

/** What is wrong with a requirements file, one line each. */
export function requirementProblems(text: string, file: string): string[] {
  return text.split(/\r?\n/).flatMap((line, index) => {
    if (line.trim() === "" || !ELSEWHERE.some((each) => each.test(line.trim()))) return [];
    return [
      `${file}:${index + 1}: found ${JSON.stringify(withoutLogins(line.trim()))}; expected packages, as no other file goes along`,
    ];
  });
}

/** A text without the logins in its URLs, such as those of a package index. */
export function withoutLogins(text: string): string {
  return text.replaceAll(/(?<=\w:\/\/)[^\s/]*@/g, "...@");
}
