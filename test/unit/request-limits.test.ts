import { expect, test } from 'vitest';
import { check } from '../../src/domain/issues.ts';
import { PromptJob } from '../../src/domain/job.ts';

const problemOf = (job: object): string | undefined => {
  const checked = check(PromptJob, { prompt: 'x', ...job });
  return checked.ok ? undefined : checked.problems[0]?.message;
};
const withImage = (url: string): object => ({
  prompt: undefined,
  messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url } }] }],
});

const entries = (count: number): object =>
  Object.fromEntries(Array.from({ length: count }, (_, at) => [`k${at}`, 'v']));

test('metadata has a bounded number of entries', () => {
  expect(problemOf({ metadata: entries(64) })).toBeUndefined();
  expect(problemOf({ metadata: entries(65) })).toBe('must be at most 64 entries');
});

test.each(['https://example.com/a.png', 'http://10.0.0.5/a.png', 'data:image/png;base64,AAAA'])(
  '%s is a picture',
  (url) => {
    expect(problemOf(withImage(url))).toBeUndefined();
  },
);

test.each(['file:///etc/passwd', 'javascript:alert(1)', 'http://169.254.169.254/latest', 'a.png', ''])(
  '%s is none',
  (url) => {
    expect(problemOf(withImage(url))).toBe('expected an address that begins with https:, http: or data:');
  },
);
