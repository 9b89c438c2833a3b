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
  expect(asTyped('"npx sluice down" stops it; see sluice.yaml')).toBe('"npx sluice down" stops it; see sluice.yaml');
});
