/** A piece of HTML in which every text has been escaped. */
export type Html = { readonly markup: string };

type Value = string | number | Html | readonly Html[] | undefined;

/** A template of HTML: what is put into it is escaped, unless it is HTML itself; undefined leaves nothing. */
export function html(parts: TemplateStringsArray, ...values: readonly Value[]): Html {
  const markup = parts.map((part, index) => part + (index < values.length ? toMarkup(values[index]) : ''));
  return { markup: markup.join('') };
}

/** For text that is HTML already: none that anybody else wrote. */
export function trusted(markup: string): Html {
  return { markup };
}

function toMarkup(value: Value): string {
  if (value === undefined) return '';
  if (typeof value === 'string') return escapeHtml(value);
  if (typeof value === 'number') return String(value);
  return 'markup' in value ? value.markup : value.map(({ markup }) => markup).join('');
}

export function escapeHtml(text: string): string {
  const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
  return text.replaceAll(/[&<>"']/g, (character) => entities[character] ?? character);
}
