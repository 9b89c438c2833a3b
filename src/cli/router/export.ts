import { resolve } from 'node:path';
import { Command } from 'commander';
import { replaceText } from '../../config/text-file.ts';
import { readEvidence } from '../../store/evidence/reader.ts';
import { contextOf } from '../context.ts';
import { formatCount, plural } from '../format.ts';
import { withEvidenceStore } from './open.ts';

export const exportCommand = new Command('export')
  .description('what was learned, as JSON')
  .argument('[file]', 'where to (default: stdout)')
  .action(async (file: string | undefined, _flags: object, command: Command) => {
    const context = contextOf(command);
    const evidence = await withEvidenceStore(context, ({ redis, keys }) => readEvidence(redis, keys));
    const text = JSON.stringify(evidence, null, 2);
    if (file === undefined || file === '-') {
      context.print(text);
      return;
    }
    replaceText(resolve(context.directory, file), `${text}\n`);
    const models = plural(Object.keys(evidence.models).length, 'model');
    context.note(`version ${formatCount(evidence.version)} with ${models} written to ${file}`);
  });
