/**
 * The records of a CSV text (RFC 4180), as objects by the names of its first line: fields may be quoted, and then hold
 * commas, line breaks and, doubled, quotes.
 */
export function* readCsv(text: string): Generator<Record<string, string>> {
  let names: string[] | undefined;
  for (const fields of splitCsv(text)) {
    if (names === undefined) names = fields;
    else yield Object.fromEntries(names.map((name, index) => [name, fields[index] ?? '']));
  }
}

/** One field and what ends it: a comma, a line break, or the end of the text. */
const FIELD = /(?:"((?:[^"]+|"")*)"|([^",\r\n]*))(,|\r?\n|$)/y;

function* splitCsv(text: string): Generator<string[]> {
  const field = new RegExp(FIELD);
  let fields: string[] = [];
  while (field.lastIndex < text.length) {
    const at = field.lastIndex;
    const match = field.exec(text);
    if (match === null) throw new Error(`not CSV at character ${at}`);
    const [, quoted, plain = '', end] = match;
    fields.push(quoted === undefined ? plain : quoted.replaceAll('""', '"'));
    if (end === ',' && field.lastIndex < text.length) continue;
    if (end === ',') fields.push('');
    yield fields;
    fields = [];
  }
}
