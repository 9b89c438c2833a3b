import { InvalidArgumentError } from 'commander';
import { batchBudget, keyBudget, purseOf } from '../domain/budget.ts';
import { unknownName } from '../domain/config.ts';
import { InputError } from '../domain/errors.ts';
import { usdToNanos } from '../domain/money.ts';
import { type BudgetStores, type BudgetTerms, termsOf, termsOfBatch, termsOfKey } from './budget-lines.ts';
import { SLUICE } from './invocation.ts';
import { findKey } from './key/find.ts';

/** What a person means by `NAME`, `NAME/VALUE`, `batch:ID` or `key:ID`. */
export type BudgetTarget = {
  terms: BudgetTerms;
  /** Missing for a budget that has a purse for each user, task, ... when none of them is named. */
  purse?: string;
  per?: string;
  /** It is forgotten with its batch or job. */
  isPassing: boolean;
};

const MOST_USD = 1_000_000;

/** Throws an InputError, of one line, for what is no budget. */
export async function findTarget(text: string, stores: BudgetStores): Promise<BudgetTarget> {
  const { config } = stores;
  if (text.startsWith(batchBudget(''))) return findBatchTarget(text, stores);
  if (text.startsWith(keyBudget(''))) return findKeyTarget(text, stores);
  const slash = text.indexOf('/');
  const name = slash < 0 ? text : text.slice(0, slash);
  const terms = termsOf(name, config);
  if (!terms)
    throw new InputError(
      `${unknownName('budget', name, config.budgets)}; a batch's cap is batch:ID, a key's budget key:ID`,
    );
  const per = config.budgets[name]?.per;
  if (per === undefined) {
    if (slash >= 0) throw new InputError(`budget "${name}" has one purse for all; leave out ${text.slice(slash)}`);
    return { terms, purse: name, isPassing: false };
  }
  const isPassing = per === 'job' || per === 'batch';
  if (slash < 0) return { terms, per, isPassing };
  // As it is written in lists, where there is one of that name; else by the value itself.
  const isListed = await stores.budgets.isInUse(text, terms.window);
  return { terms, per, isPassing, purse: isListed ? text : purseOf(name, text.slice(slash + 1)) };
}

async function findBatchTarget(purse: string, { batches }: BudgetStores): Promise<BudgetTarget> {
  const id = purse.slice(batchBudget('').length);
  const status = await batches.status(id);
  if (!status) throw new InputError(`no batch "${id}" here; ${SLUICE} batch list shows those that there are`);
  if (status.maxTotalNanos === undefined) {
    throw new InputError(`batch "${id}" has no cap: it is given one by --max-total-usd when it is submitted`);
  }
  return { terms: termsOfBatch(purse, status.maxTotalNanos), purse, isPassing: true };
}

async function findKeyTarget(text: string, { apiKeys }: BudgetStores): Promise<BudgetTarget> {
  const key = await findKey(text.slice(keyBudget('').length), apiKeys);
  const terms = termsOfKey(key);
  if (terms) return { terms, purse: terms.budget, isPassing: false };
  throw new InputError(`key ${key.id} has no budget: give it one with ${SLUICE} key set ${key.id} --budget USD`);
}

/** What is added, in nano-dollars. */
export function parseTopUp(text: string): number {
  const nanos = parseNanos(text);
  if (nanos > 0) return nanos;
  throw new InvalidArgumentError('Give dollars above 0, such as 5 or 0.25.');
}

/** A limit in nano-dollars: 0 stops everything. */
export function parseLimit(text: string): number {
  return parseNanos(text);
}

function parseNanos(text: string): number {
  const usd = /^\$?(\d+(\.\d{1,9})?|\.\d{1,9})$/.test(text) ? Number(text.replace('$', '')) : Number.NaN;
  if (usd >= 0 && usd <= MOST_USD) return usdToNanos(usd);
  throw new InvalidArgumentError(`Give dollars from 0 to ${MOST_USD}, with nine decimals at the most.`);
}
