import { expect, test } from 'vitest';
import { callerGateName } from '../../src/store/gates/names.ts';

test.each([
  ['ann', 'limit:each/ann'],
  ['a/b|c#d', 'limit:each/a%2Fb%7Cc%23d'],
  // Half a character, as JSON may hold.
  ['a\uD800', 'limit:each/a%EF%BF%BD'],
])('the gate of the caller %j has a name of its own', (caller, name) => {
  expect(callerGateName('each', caller)).toBe(name);
});
