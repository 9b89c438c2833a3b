import { Command, InvalidArgumentError } from 'commander';
import type { ApiKey } from '../../domain/api-key.ts';
import type { Config } from '../../domain/config.ts';
import { LONGEST_KEEP_MS, parseDuration } from '../../domain/duration.ts';
import { InputError } from '../../domain/errors.ts';
import { type ApiKeyStore, createApiKeyStore } from '../../store/api-keys.ts';
import { createKeys } from '../../store/keys.ts';
import { requireConfigWithoutKeys } from '../config-view.ts';
import { type Context, contextOf } from '../context.ts';
import { styled } from '../format.ts';
import { SLUICE } from '../invocation.ts';
import { findKey } from '../key/find.ts';
import { type TermFlags, changeTerms, withTermFlags } from '../key/terms.ts';
import { describeKey, keyFacts, renderKeys } from '../key/view.ts';
import { openRedis } from '../redis.ts';

type Flags = { json?: boolean };
type Desk = { context: Context; config: Config; store: ApiKeyStore };

const KEY = 'its id, or its name where no other key has it';

export const keyCommand = new Command('key')
  .description('virtual keys: who may use the gateway, for what, and for how much')
  .addHelpText(
    'after',
    `
Examples:
  $ KEY=$(${SLUICE} key create --name shop --budget 20 --window day --rpm 600)
  $ ${SLUICE} key rotate shop --grace 1h
  $ ${SLUICE} key set shop --budget 50 --rpm none`,
  );

withTermFlags(keyCommand.command('create'))
  .description('make a key; its secret is printed this once, alone on stdout')
  .requiredOption('--name <name>', 'what it is for')
  .option('--json', 'print one JSON object, the secret in it')
  .action((flags: TermFlags & Flags, command: Command) =>
    withDesk(command, async (desk) =>
      tellSecret(desk, await desk.store.create(changeTerms({}, flags, desk.config)), flags),
    ),
  );

keyCommand
  .command('list')
  .description('all that there ever were, the oldest first')
  .option('--json', 'print one JSON object a key')
  .action((flags: Flags, command: Command) =>
    withDesk(command, async ({ context, store }) => {
      const keys = await store.list();
      const now = Date.now();
      if (flags.json) for (const key of keys) context.print(JSON.stringify(keyFacts(key, now)));
      else if (keys.length === 0) context.note(`no keys yet; make one with: ${SLUICE} key create --name NAME`);
      else for (const line of renderKeys(keys, now, (titles) => styled('bold', titles))) context.print(line);
    }),
  );

keyCommand
  .command('rotate')
  .description('give a key a new secret; what it may do and has spent stays')
  .argument('<key>', KEY)
  .option('--grace <duration>', 'how long the old secret works on, such as 1h', parseGrace, 0)
  .option('--json', 'print one JSON object, the secret in it')
  .action((text: string, flags: Flags & { grace: number }, command: Command) =>
    withDesk(command, async (desk) => {
      const { id } = await findKey(text, desk.store);
      tellSecret(desk, await desk.store.rotate(id, flags.grace), flags);
    }),
  );

keyCommand
  .command('revoke')
  .description('turn a key away for good, within a second; it stays in the list')
  .argument('<key>', KEY)
  .option('--json', 'print one JSON object')
  .action((text: string, flags: Flags, command: Command) =>
    withDesk(command, async (desk) => {
      const { id } = await findKey(text, desk.store);
      tell(desk, await desk.store.revoke(id), flags);
    }),
  );

withTermFlags(keyCommand.command('set'))
  .description('change what a key may do, within a second; none takes a limit away')
  .argument('<key>', KEY)
  .option('--name <name>', 'what it is for')
  .option('--json', 'print one JSON object')
  .action((text: string, flags: TermFlags & Flags, command: Command) =>
    withDesk(command, async (desk) => {
      const { json, ...changes } = flags;
      if (Object.keys(changes).length === 0) throw new InputError('nothing to change; say what, as in --rpm 600');
      const { id } = await findKey(text, desk.store);
      const changed = await desk.store.update(id, (terms) => changeTerms(terms, changes, desk.config));
      tell(desk, changed, json === undefined ? {} : { json });
    }),
  );

/** The secret alone on stdout, so that `KEY=$(...)` takes it and nothing else. */
function tellSecret({ context }: Desk, { key, secret }: { key: ApiKey; secret: string }, flags: Flags): void {
  const now = Date.now();
  if (flags.json) context.print(JSON.stringify({ ...keyFacts(key, now), secret }));
  else {
    context.note(describeKey(key, now));
    context.note('its secret, which is shown this once:');
    context.print(secret);
  }
}

function tell({ context }: Desk, key: ApiKey, flags: Flags): void {
  const now = Date.now();
  context.print(flags.json ? JSON.stringify(keyFacts(key, now)) : describeKey(key, now));
}

function parseGrace(text: string): number {
  const milliseconds = text === '0' ? 0 : parseDuration(text);
  if (milliseconds !== undefined && milliseconds <= LONGEST_KEEP_MS) return milliseconds;
  throw new InvalidArgumentError('Give a duration such as 10m, 1h or 7d, or 0.');
}

async function withDesk(command: Command, use: (desk: Desk) => Promise<void>): Promise<void> {
  const context = contextOf(command);
  const config = requireConfigWithoutKeys(context);
  const opened = await openRedis(context, config.redis.url);
  try {
    await use({ context, config, store: createApiKeyStore(opened.redis, createKeys(config.redis.prefix)) });
  } finally {
    await opened.close();
  }
}
