const CONTROL = String.fromCharCode(0, 1, 9, 10, 13, 27, 127, 133, 159);

/** Texts that mean something to one of the languages we write, or to none. */
export const TEXTS: readonly string[] = [
  "",
  "plain",
  " spaces ",
  `"double" 'single'`,
  "back\\slash\\n",
  "a\nb\r\nc\td",
  "${x} $${x} $$${x} ${",
  "%{if x}y%{endif} %%{x} %{",
  "{{ 1/0 }} {% raw %} {# c #}",
  "`id` $(id) ; & | > #",
  "- a: b # c",
  "*alias &anchor !tag @ ?",
  "ünïcödé 漢字 🧪 \u2028 \u2029 \ufeff \u00a0",
  CONTROL,
];
