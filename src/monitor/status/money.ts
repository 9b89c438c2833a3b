import { formatUsd } from '../../domain/money.ts';
import { type Html, html } from '../html.ts';
import { type BudgetStatus, shareOf } from './budgets.ts';
import type { KeyStatus } from './keys.ts';
import { type Share, callsOf } from './spend.ts';
import type { Status } from './status.ts';
import { NOTHING, renderBar, renderSection, renderTable, toColumns } from './table.ts';
import { count, moment, percent } from './words.ts';

/** The parts of the page that say who spends what. */

const MOST_ACCOUNTS = 10;
const MOST_KEYS = 10;

export function renderAccounts({ spend }: Status): Html | undefined {
  const accounts = spend.shares.get('account') ?? [];
  if (accounts.length === 0) return undefined;
  const rows = accounts
    .slice(0, MOST_ACCOUNTS)
    .map(({ name = '–', sums }: Share) => [
      name,
      count(callsOf(sums)),
      count(sums.input_tokens + sums.output_tokens),
      renderCost(sums.cost_nanos, spend.total.cost_nanos),
    ]);
  const rest = accounts.length - rows.length;
  const more =
    rest > 0 ? html`<p class="more">and ${count(rest)} more: <code>sluice usage --by account</code></p>` : undefined;
  const table = renderTable(toColumns(['Account', 'Calls', 'Tokens', 'Today']), rows);
  return renderSection('accounts', 'Accounts', html`${table}${more}`);
}

export function renderBudgets({ budgets, at }: Status): Html {
  const empty = html`<p class="empty">
    Nothing limits what is spent. Give a limit under <code>budgets:</code> in <code>sluice.yaml</code>,
    <code>--max-total-usd</code> to a batch, or <code>--budget</code> to a key.
  </p>`;
  const list = html`<ul class="meters">
    ${budgets.map((budget) => renderBudget(budget, at))}
  </ul>`;
  return renderSection('budgets', 'Budgets', budgets.length === 0 ? empty : list);
}

function renderBudget(budget: BudgetStatus, now: number): Html {
  const { purse, keyName, window, spentNanos, heldNanos, limitNanos, isSoft, endsAt } = budget;
  const name = keyName === undefined ? html`<b>${purse}</b>` : html`<small>key</small> <b>${keyName}</b>`;
  const held = heldNanos === 0 ? undefined : html`, ${formatUsd(heldNanos)} held`;
  const resets = endsAt === undefined ? window : html`${window}, resets ${moment(endsAt, now)}`;
  return html`<li>
    <p>${name} <small>${resets}${isSoft ? ', soft' : ''}</small></p>
    ${renderBar(shareOf(budget), `${percent(spentNanos, limitNanos)} spent`, toneOf(budget))}
    <p>${formatUsd(spentNanos)} of ${formatUsd(limitNanos)} <small>${percent(spentNanos, limitNanos)}${held}</small></p>
  </li> `;
}

function toneOf(budget: BudgetStatus): 'calm' | 'warn' | 'bad' {
  const share = shareOf(budget);
  if (share >= 1) return 'bad';
  return share >= (budget.alertAt ?? 0.9) ? 'warn' : 'calm';
}

/** Nothing where there are no keys: those who make none need not read of them. */
export function renderKeys({ keys, spend }: Status): Html | undefined {
  if (keys.length === 0) return undefined;
  const rows = keys
    .slice(0, MOST_KEYS)
    .map(({ name, account, budget, sums }: KeyStatus) => [
      html`${name} <small>${account}</small>`,
      budget === undefined ? NOTHING : renderSpent(budget),
      callsOf(sums) === 0 ? NOTHING : count(callsOf(sums)),
      renderCost(sums.cost_nanos, spend.total.cost_nanos),
    ]);
  const rest = keys.length - rows.length;
  const more = rest > 0 ? html`<p class="more">and ${count(rest)} more: <code>sluice key list</code></p>` : undefined;
  const table = renderTable(toColumns(['Key', 'Budget', 'Calls', 'Today']), rows);
  return renderSection('keys', 'Keys', html`${table}${more}`, 'nearest to their limit first');
}

function renderSpent(budget: BudgetStatus): Html {
  const { spentNanos, limitNanos, window } = budget;
  const of = `of ${formatUsd(limitNanos)} ${window === 'total' ? 'in all' : `a ${window}`}`;
  return html`<span class="${toneOf(budget)}">${formatUsd(spentNanos)}</span> <small>${of}</small>`;
}

/** With its part of the day. */
export function renderCost(nanos: number, totalNanos: number): Html {
  if (nanos === 0) return NOTHING;
  const share = totalNanos <= 0 ? 0 : nanos / totalNanos;
  return html`<span class="cost"
    >${formatUsd(nanos)}${renderBar(share, `${percent(nanos, totalNanos)} of today`)}</span
  >`;
}
