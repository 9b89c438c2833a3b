import { Command } from 'commander';
import { parseOwnConfig, readText } from '../../config/config-file.ts';
import type { Listing, ListOptions } from '../../config/lists/listing.ts';
import { readLiteLlmList } from '../../config/lists/litellm-list.ts';
import { mergeModels } from '../../config/lists/merge.ts';
import { readOpenRouterList } from '../../config/lists/openrouter-list.ts';
import { replaceText } from '../../config/text-file.ts';
import { InputError } from '../../domain/errors.ts';
import { withStandIns } from '../config-view.ts';
import { type Context, contextOf } from '../context.ts';
import { plural } from '../format.ts';
import { SLUICE } from '../invocation.ts';
import { collect } from '../options.ts';
import { readInput } from './text-input.ts';

type Options = { only: readonly string[]; provider?: string; write?: string };
type ReadList = (text: string, name: string, options: ListOptions) => Listing;

const SKIPPED_TOLD = 20;

export const importCommand = new Command('import')
  .description("models and prices from somebody's list, as entries for sluice.yaml")
  .addCommand(
    importFrom('openrouter', "OpenRouter's list: what it answers to GET /models, as JSON", readOpenRouterList),
  )
  .addCommand(importFrom('litellm', "LiteLLM's price map: its model_prices_and_context_window.json", readLiteLlmList))
  .addHelpText(
    'after',
    `
Example:
  $ curl -s https://openrouter.ai/api/v1/models | ${SLUICE} models import openrouter - --only 'anthropic/*' --write sluice.yaml`,
  );

function importFrom(name: string, description: string, read: ReadList): Command {
  return new Command(name)
    .description(description)
    .argument('<file>', 'the file; - for stdin')
    .requiredOption('--only <id>', 'which models; * stands for anything; may be given more than once', collect)
    .option('--provider <name>', 'the provider of sluice.yaml whose models they are')
    .option('--write <file>', 'put them into this configuration; without it they are printed')
    .action(async (file: string, { only, provider, write }: Options, command: Command) => {
      const context = contextOf(command);
      const input = await readInput(file);
      const listing = read(input.text, input.name, { only, provider, date: new Date().toISOString().slice(0, 10) });
      for (const skipped of listing.skipped.slice(0, SKIPPED_TOLD)) context.note(`left out: ${skipped}`);
      const untold = listing.skipped.length - SKIPPED_TOLD;
      if (untold > 0) context.note(`left out: ${untold} more`);
      if (listing.models.length === 0)
        throw new InputError('none of these models can be imported; nothing was written');
      if (write === undefined) context.print(mergeModels('', '', listing.models).text.trimEnd());
      else writeTo(context, write, listing);
    });
}

/** Replaces the file only by one that loads. */
function writeTo(context: Context, file: string, { models }: Listing): void {
  const { text, changes } = mergeModels(readText(file), file, models);
  try {
    parseOwnConfig(text, file, withStandIns(text, context.env));
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    throw new InputError(['nothing was written; with these models the file would not load:', ...error.problems]);
  }
  replaceText(file, text);
  for (const change of changes) context.note(change);
  context.note(`wrote ${file}: ${plural(models.length, 'model')}`);
}
