import { Command } from 'commander';
import { parseOwnConfig } from '../../config/config-file.ts';
import { variablesIn } from '../../config/imports/draft.ts';
import { importLiteLlm, type ImportedConfig } from '../../config/imports/litellm.ts';
import { importPortkey } from '../../config/imports/portkey.ts';
import { openPriceCatalogue } from '../../config/price-catalogue.ts';
import { InputError } from '../../domain/errors.ts';
import { withStandIns } from '../config-view.ts';
import { type Context, contextOf } from '../context.ts';
import { SLUICE } from '../invocation.ts';
import { readInput } from '../models/text-input.ts';

export const configCommand = new Command('config')
  .description("another gateway's configuration as a sluice.yaml")
  .addCommand(
    new Command('import')
      .description('translate a configuration; what was taken over and what not is told on stderr')
      .addCommand(
        new Command('litellm')
          .description("the config.yaml of LiteLLM's proxy")
          .argument('<file>', 'the file; - for stdin')
          .addHelpText('after', `\nExample:\n  $ ${SLUICE} config import litellm config.yaml > sluice.yaml`)
          .action(async (file: string, _: object, command: Command) => {
            const input = await readInput(file);
            print(contextOf(command), importLiteLlm(input.text, input.name, openPriceCatalogue));
          }),
      )
      .addCommand(
        new Command('portkey')
          .description("a config of Portkey's gateway, as JSON")
          .argument('<file>', 'the file; - for stdin')
          .option('--model <id>', 'the model of targets that name none: in Portkey it stands in the requests')
          .addHelpText(
            'after',
            `\nExample:\n  $ ${SLUICE} config import portkey config.json --model gpt-5-mini > sluice.yaml`,
          )
          .action(async (file: string, { model }: { model?: string }, command: Command) => {
            const input = await readInput(file);
            print(contextOf(command), importPortkey(input.text, input.name, model));
          }),
      ),
  );

function print(context: Context, { text, report }: ImportedConfig): void {
  checkThatItLoads(text);
  section(context, 'taken over', report.taken);
  section(context, 'left out', report.ignored);
  const variables = variablesIn(text);
  if (variables.length > 0) context.note(`it reads from the environment: ${variables.join(', ')}`);
  context.note(`next: save it as sluice.yaml, then ${SLUICE} models and ${SLUICE} doctor`);
  context.print(text.trimEnd());
}

function section(context: Context, title: string, lines: readonly string[]): void {
  if (lines.length === 0) return;
  context.note(`${title}:`);
  for (const line of lines) context.note(`  ${line}`);
}

/** What cannot be loaded is of no use, and says which part of the foreign file we did not understand. */
function checkThatItLoads(text: string): void {
  try {
    parseOwnConfig(text, 'sluice.yaml', withStandIns(text, {}));
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    throw new InputError(['the sluice.yaml that would come of it does not load:', ...error.problems]);
  }
}
