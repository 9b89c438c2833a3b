import { formatUsd } from '../../domain/money.ts';
import type { UsageSums } from '../../domain/usage-sums.ts';
import { BOARD_PATH } from '../board.ts';
import { type Html, html, trusted } from '../html.ts';
import { findAttention, lateSince } from './attention.ts';
import { REFRESH_SECONDS } from './refresh.ts';
import { renderAccounts, renderBudgets, renderKeys } from './money.ts';
import { renderBatches, renderFailures, renderLanes, renderModels } from './sections.ts';
import { callsOf, failuresOf } from './spend.ts';
import type { Status } from './status.ts';
import { STATUS_STYLE } from './style.ts';
import { clock, count, moment, percent } from './words.ts';

/** The whole page, as a document. */
export function renderStatus(status: Status): string {
  const attention = findAttention(status);
  const title = attention.length === 0 ? 'Sluice' : `(${attention.length}) Sluice`;
  return renderDocument(
    title,
    html`${attention.length === 0 ? renderCalm(status) : renderAttention(attention)} ${renderTiles(status)}
      <div class="columns">
        <div class="column">${renderLanes(status)}${renderBatches(status)}${renderKeys(status)}</div>
        <div class="column">${renderBudgets(status)}${renderAccounts(status)}</div>
      </div>
      ${renderModels(status)}${renderFailures(status)}
      <footer>
        <p>${clock(status.at)} UTC by Redis' clock. Days begin at midnight UTC.${renderLateness(status)}</p>
      </footer>`,
  );
}

/** In place of it, when Redis does not answer. It looks again by itself. */
export function renderOutage(): string {
  return renderDocument(
    'Sluice: no answer from Redis',
    html`<div class="notice warn" role="status">
      <p>
        <b>Redis does not answer.</b> Nothing is lost by that: jobs and money are where they were, and workers go on
        when it is back. This page looks again every ${REFRESH_SECONDS} seconds.
      </p>
    </div>`,
  );
}

function renderAttention(attention: readonly Html[]): Html {
  return html`<div class="notice warn" role="status">
    <ul>
      ${attention.map((item) => html`<li>${item}</li>`)}
    </ul>
  </div>`;
}

function renderCalm({ lanes }: Status): Html {
  const isAlone = lanes.every(({ workers }) => workers === 0);
  const hint = isAlone
    ? html` <small>No worker is connected: <code>sluice worker</code> starts one.</small>`
    : undefined;
  return html`<div class="notice" role="status">
    <p><span class="state calm">All is well</span>${hint}</p>
  </div>`;
}

function renderTiles({ spend, lanes }: Status): Html {
  const { total } = spend;
  const calls = callsOf(total);
  const sum = (state: 'waiting' | 'delayed' | 'active'): number => lanes.reduce((jobs, lane) => jobs + lane[state], 0);
  const saved = total.saved_nanos === 0 ? 'answers at no cost' : `saved ${formatUsd(total.saved_nanos)}`;
  const tiles: [string, string, string][] = [
    ['Spent today', formatUsd(total.cost_nanos), `${count(total.input_tokens + total.output_tokens)} tokens`],
    ['Calls today', count(calls), failureNote(total)],
    ['From the cache', count(total.cached), saved],
    ['Waiting', count(sum('waiting')), `${count(sum('delayed'))} delayed`],
    ['Active', count(sum('active')), 'jobs in the hands of workers'],
  ];
  return html`<dl class="tiles">
    ${tiles.map(
      ([title, value, note]) =>
        html`<div>
          <dt>${title}</dt>
          <dd>${value}</dd>
          <dd>${note}</dd>
        </div>`,
    )}
  </dl>`;
}

/** `12 failed (7 %), 52 cancelled` */
function failureNote(total: UsageSums): string {
  const failed = failuresOf(total);
  const failures = failed === 0 ? 'none failed' : `${count(failed)} failed (${percent(failed, callsOf(total))})`;
  return total.cancelled === 0 ? failures : `${failures}, ${count(total.cancelled)} cancelled`;
}

function renderLateness(status: Status): Html | undefined {
  const since = lateSince(status);
  return since === undefined
    ? undefined
    : html` Spending is added up by workers, and none runs: what came after ${moment(since, status.at)} may be missing.`;
}

function renderDocument(title: string, main: Html): string {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="robots" content="noindex" />
        <title>${title}</title>
        <link rel="icon" href="/icon.svg" />
        <style>
          ${trusted(STATUS_STYLE)}
        </style>
        <script src="/status.js" defer></script>
        <noscript><meta http-equiv="refresh" content="${REFRESH_SECONDS}" /></noscript>
      </head>
      <body>
        <div class="page">
          <header>
            <img src="/icon.svg" alt="" width="32" height="32" />
            <h1>Sluice</h1>
            <nav>
              <a href="${BOARD_PATH}">Board</a><a href="/metrics">Metrics</a><a href="/readyz">Readiness</a
              ><a href="/logout">Log out</a>
            </nav>
          </header>
          <main>${main}</main>
        </div>
      </body>
    </html> `.markup;
}
