import { readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { asTyped, nameToCall } from '../../src/cli/invocation.ts';

test.each([
  ['a global installation', '/usr/local/bin/sluice', 'sluice'],
  ['npx in a clone', '/home/ann/.npm/_npx/927ea4dddd1d1284/node_modules/.bin/sluice', 'npx sluice'],
  ['a project that depends on it', '/home/ann/project/node_modules/.bin/sluice', 'npx sluice'],
  ['a script of the clone', '/home/ann/sluice/bin/sluice.js', 'npx sluice'],
  ['its sources', '/home/ann/sluice/src/cli/main.ts', 'npx sluice'],
  ['no file at all', '', 'npx sluice'],
])('from %s it is called as a person would have to', (_, entry, name) => {
  expect(nameToCall(entry)).toBe(name);
});

test('advice of the layers below names the command as it is typed, once', () => {
  expect(asTyped('take them back with: sluice batch cancel b')).toBe('take them back with: npx sluice batch cancel b');
  expect(asTyped('"sluice down" stops it')).toBe('"npx sluice down" stops it');
  expect(asTyped('(sluice dlq list has all)')).toBe('(npx sluice dlq list has all)');
  expect(asTyped('"npx sluice down" stops it; see sluice.yaml')).toBe('"npx sluice down" stops it; see sluice.yaml');
});

test('advice may name any command', () => {
  const folder = new URL('../../src/cli/commands/', import.meta.url);
  const commands = readdirSync(folder).map((file) => file.replace('.ts', ''));
  for (const command of commands.filter((name) => name !== 'index')) {
    expect(asTyped(`try: sluice ${command}`)).toBe(`try: npx sluice ${command}`);
  }
});
