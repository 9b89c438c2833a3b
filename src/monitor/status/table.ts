import { type Html, html } from '../html.ts';

export type Column = { title: string; isNumber?: boolean };

/** In a cell of which there is nothing to say. */
export const NOTHING: Html = html`<span class="nothing">–</span>`;

/**
 * Rows whose first cell says what they are about: on a narrow screen it becomes the row's heading. There, of a `lead` table
 * the second cell goes with it, and a `dense` one has room for five short numbers.
 */
export function renderTable(
  columns: readonly Column[],
  rows: readonly (readonly (Html | string)[])[],
  form: 'plain' | 'lead' | 'dense' = 'plain',
): Html {
  const heads = columns.map(({ title, isNumber }) => html`<th scope="col" ${numberClass(isNumber)}>${title}</th>`);
  return html`<table class="${form}">
    <thead>
      <tr>
        ${heads}
      </tr>
    </thead>
    <tbody>
      ${rows.map((row) => renderRow(columns, row))}
    </tbody>
  </table>`;
}

function renderRow(columns: readonly Column[], [first = '', ...rest]: readonly (Html | string)[]): Html {
  const cells = rest.map((cell, index) => {
    const { title = '', isNumber } = columns[index + 1] ?? {};
    return html`<td data-label="${title}" ${numberClass(isNumber)}>${cell}</td>`;
  });
  return html`<tr>
    <th scope="row">${first}</th>
    ${cells}
  </tr> `;
}

function numberClass(isNumber: boolean | undefined): Html | undefined {
  return isNumber ? html` class="number"` : undefined;
}

/** A part of the page; `aside` is said beside its title. */
export function renderSection(id: string, title: string, body: Html, aside?: Html | string): Html {
  const beside = aside === undefined ? undefined : html`<p class="aside">${aside}</p>`;
  return html`<section aria-labelledby="${id}">
    <div class="title">
      <h2 id="${id}">${title}</h2>
      ${beside}
    </div>
    ${body}
  </section> `;
}

/** How much of a whole, as a bar; `label` says it in words. */
export function renderBar(share: number, label: string, tone: 'calm' | 'warn' | 'bad' = 'calm'): Html {
  const width = Math.min(100, Math.max(0, 100 * share)).toFixed(1);
  return html`<span class="bar ${tone}" role="img" aria-label="${label}"><span style="width:${width}%"></span></span>`;
}

/** The first is a name, numbers begin at `firstNumber`. */
export function toColumns(titles: readonly string[], firstNumber = 1): Column[] {
  return titles.map((title, index) => ({ title, isNumber: index >= firstNumber }));
}
