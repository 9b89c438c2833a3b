import { type ApiKey, stateOfKey } from '../../domain/api-key.ts';
import { formatUsd, usdToNanos } from '../../domain/money.ts';
import { formatCount, formatTime } from '../format.ts';
import { type Column, printable, renderTable } from '../table.ts';

const COLUMNS: readonly Column[] = [
  { title: 'id' },
  { title: 'name' },
  { title: 'account' },
  { title: 'state' },
  { title: 'expires (UTC)' },
  { title: 'models' },
  { title: 'lanes' },
  { title: 'limits' },
  { title: 'budget' },
];

export function renderKeys(keys: readonly ApiKey[], now: number, style: (titles: string) => string): string[] {
  const rows = keys.map((key) => {
    const { name, account, models, lanes, expires_at: expiresAt } = key.terms;
    const expires = expiresAt === undefined ? 'never' : formatTime(expiresAt).slice(0, 16);
    const may = [models?.join(',') ?? 'all', lanes?.join(',') ?? 'all', limitsText(key) || '-', budgetText(key) || '-'];
    return [key.id, name, account, stateText(key, now), expires, ...may];
  });
  return renderTable(COLUMNS, rows, style);
}

/** One line for whoever has just made or changed it. */
export function describeKey(key: ApiKey, now: number): string {
  const { name, account, models, lanes, expires_at: expiresAt } = key.terms;
  const parts = [
    stateText(key, now),
    `account ${account}`,
    models && `models ${models.join(',')}`,
    lanes && `lanes ${lanes.join(',')}`,
    limitsText(key),
    budgetText(key),
    expiresAt !== undefined && `expires ${formatTime(expiresAt).slice(0, 16)} UTC`,
  ];
  return printable(`key ${key.id} (${name}): ${parts.filter(Boolean).join('; ')}`);
}

function stateText(key: ApiKey, now: number): string {
  const state = stateOfKey(key, now);
  const previousUntil = key.rotated?.previous_until ?? 0;
  return state === 'active' && previousUntil > now
    ? `active, old secret until ${formatTime(previousUntil)} UTC`
    : state;
}

function limitsText({ terms: { requests_per_minute: rpm, tokens_per_minute: tpm, concurrency } }: ApiKey): string {
  return [
    rpm !== undefined && `${formatCount(rpm)} rpm`,
    tpm !== undefined && `${formatCount(tpm)} tpm`,
    concurrency !== undefined && `${formatCount(concurrency)} at a time`,
  ]
    .filter(Boolean)
    .join(', ');
}

function budgetText({ terms: { budget_usd: usd, budget_window: window } }: ApiKey): string {
  return usd === undefined ? '' : `${formatUsd(usdToNanos(usd))} ${window === 'total' ? 'in all' : `a ${window}`}`;
}

/** For programs. */
export function keyFacts(key: ApiKey, now: number): object {
  const { terms, rotated } = key;
  return {
    id: key.id,
    name: terms.name,
    account: terms.account,
    state: stateOfKey(key, now),
    models: terms.models ?? null,
    lanes: terms.lanes ?? null,
    requests_per_minute: terms.requests_per_minute ?? null,
    tokens_per_minute: terms.tokens_per_minute ?? null,
    concurrency: terms.concurrency ?? null,
    budget_usd: terms.budget_usd ?? null,
    budget_window: terms.budget_usd === undefined ? null : terms.budget_window,
    created_at: iso(key.created_at),
    expires_at: iso(terms.expires_at),
    revoked_at: iso(key.revoked_at),
    rotated_at: iso(rotated?.at),
    previous_secret_until: iso(rotated?.previous_until),
  };
}

function iso(time: number | undefined): string | null {
  return time === undefined ? null : new Date(time).toISOString();
}
