import { Command, Option } from 'commander';
import { type PriceCatalogue, openPriceCatalogue } from '../../config/price-catalogue.ts';
import { InputError } from '../../domain/errors.ts';
import { CAPABILITIES, type Capability } from '../../domain/model.ts';
import { requireConfigWithoutKeys } from '../config-view.ts';
import { type Context, contextOf } from '../context.ts';
import { plural, styled } from '../format.ts';
import { SLUICE } from '../invocation.ts';
import { knownModelFacts, renderKnownModels, searchCatalogue } from './catalogue-search.ts';
import { findLockOf } from './lock-command.ts';
import { modelFacts, type ModelRow, renderModels, rowsOf } from './model-rows.ts';
import { parseUsd } from '../options.ts';
import { renderTable } from '../table.ts';

type ModelFilters = {
  provider?: string;
  capability?: Capability;
  /** USD per million tokens. */
  maxPrice?: number;
  text?: string;
};

type Options = ModelFilters & { catalogue?: string; json?: boolean };

export const listCommand = new Command('list')
  .description('the configured models: prices and whose they are, contexts, and what to know about them')
  .argument('[text]', 'only those with this in their alias, id or provider')
  .option('--provider <name>', 'only this provider')
  .addOption(new Option('--capability <name>', 'only those that can do this').choices(CAPABILITIES))
  .option('--max-price <usd>', 'only those whose tokens, in and out, cost no more than this a million', parseUsd)
  .option('--catalogue <text>', 'search all models that the price catalogue knows, configured or not')
  .option('--json', 'one JSON object')
  .addHelpText(
    'after',
    `
Prices are in USD per million tokens. A price comes from the configuration, else
from the lock file, else from the catalogue that this version brings along.

Examples:
  $ ${SLUICE} models --capability vision --max-price 3
  $ ${SLUICE} models --catalogue "claude sonnet"`,
  )
  .action(
    async (text: string | undefined, { catalogue: query, json = false, ...filters }: Options, command: Command) => {
      const context = contextOf(command);
      const wanted = text === undefined ? filters : { ...filters, text };
      const catalogue = openPriceCatalogue();
      if (query === undefined) await listModels(context, catalogue, wanted, json);
      else await listKnownModels(context, catalogue, query, wanted, json);
    },
  );

async function listModels(
  context: Context,
  catalogue: PriceCatalogue,
  filters: ModelFilters,
  json: boolean,
): Promise<void> {
  const config = requireConfigWithoutKeys(context);
  const dates = { catalogue: await catalogue.newestPriceDate(), lock: findLockOf(context) };
  const rows = rowsOf(config, catalogue, dates, Date.now()).filter((row) => isWanted(row, filters));
  if (json) {
    context.print(JSON.stringify({ models: rows.map(modelFacts) }));
    return;
  }
  if (rows.length > 0) for (const line of renderTable(...renderModels(rows), bold)) context.print(line);
  const notes = rows.flatMap(({ alias, warnings }) => warnings.map(({ message }) => `${alias}: ${message}`));
  if (notes.length > 0) context.note('');
  for (const note of notes) context.note(note);
  if (rows.length === 0) context.note(`none of ${plural(Object.keys(config.models).length, 'model')} fits`);
}

function isWanted(row: ModelRow, { provider, capability, maxPrice, text }: ModelFilters): boolean {
  if (provider !== undefined && row.provider !== provider) return false;
  if (capability !== undefined && !row.capabilities.includes(capability)) return false;
  if (maxPrice !== undefined && !(row.price && Math.max(row.price.input, row.price.output) <= maxPrice)) return false;
  return text === undefined || `${row.alias} ${row.id} ${row.provider}`.toLowerCase().includes(text.toLowerCase());
}

async function listKnownModels(
  context: Context,
  catalogue: PriceCatalogue,
  query: string,
  filters: ModelFilters,
  json: boolean,
): Promise<void> {
  if (filters.capability !== undefined) {
    throw new InputError('the catalogue tells no capabilities; leave --capability out with --catalogue');
  }
  const all = await catalogue.all();
  const found = searchCatalogue(all, query, filters);
  if (json) {
    context.print(JSON.stringify({ source: catalogue.source, models: found.map(knownModelFacts) }));
    return;
  }
  if (found.length > 0) for (const line of renderTable(...renderKnownModels(found), bold)) context.print(line);
  context.note(`${found.length === 0 ? 'none' : found.length} of the ${all.length} models of ${catalogue.source}`);
}

const bold = (titles: string): string => styled('bold', titles);
