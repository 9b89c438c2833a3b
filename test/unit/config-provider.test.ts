import { describe, expect, test } from 'vitest';
import { ProviderConfig } from '../../src/domain/config.ts';
import { check, formatProblem } from '../../src/domain/issues.ts';

function linesFor(fields: object): string[] {
  const checked = check(ProviderConfig, { base_url: 'https://api.example.com/v1', ...fields });
  return checked.ok ? [] : checked.problems.map(formatProblem);
}

const problemOf = (baseUrl: unknown, allowPrivate: boolean): string =>
  linesFor({ base_url: baseUrl, allow_private: allowPrivate }).join('; ').replace('base_url: ', '');

test.each(['https://openrouter.ai/api/v1', 'https://8.8.8.8', 'https://[2606:4700::1111]:8443/v1'])(
  '%s is fine',
  (url) => {
    expect(problemOf(url, false)).toBe('');
  },
);

describe('a base URL', () => {
  const PRIVATE = [
    'http://127.0.0.1:11434/v1',
    'http://localhost:8000',
    'http://localhost.',
    'http://2130706433',
    'http://0x7f.1',
    'http://0177.0.0.1',
    'http://[::1]',
    'http://[::ffff:127.0.0.1]',
    'https://192.168.1.1',
    'https://10.0.0.1',
  ];
  test.each(PRIVATE)('%s needs allow_private', (url) => {
    expect(problemOf(url, false)).toMatch(/ is private; set allow_private: true if that is meant$/);
    expect(problemOf(url, true)).toBe('');
  });

  const FORBIDDEN = [
    'http://169.254.169.254/latest',
    'https://2852039166',
    'http://0xa9fea9fe',
    'http://[::ffff:169.254.169.254]',
    'http://[64:ff9b::169.254.169.254]',
    'http://[fd00:ec2::254]',
    'http://[fe80::1]',
    'http://100.100.100.200',
    'http://0.0.0.0',
    'http://[::]',
  ];
  test.each(FORBIDDEN)('%s is never allowed', (url) => {
    for (const allowPrivate of [false, true]) {
      expect(problemOf(url, allowPrivate)).toMatch(/ is a link-local or reserved address and is never called$/);
    }
  });

  test.each<[unknown, string]>([
    ['ftp://api.example.com', 'only http and https, got ftp://'],
    ['file:///etc/passwd', 'only http and https, got file://'],
    ['https://user:secret@api.example.com', 'no user or password in the URL; use api_key'],
    ['https://user@api.example.com', 'no user or password in the URL; use api_key'],
    ['https://api.example.com/v1?key=secret', 'no query and no fragment in the URL'],
    ['https://api.example.com/v1#x', 'no query and no fragment in the URL'],
    ['api.example.com', 'not a URL; expected one such as https://openrouter.ai/api/v1'],
    ['https://user:secret@api.example.com:99999', 'not a URL; expected one such as https://openrouter.ai/api/v1'],
    ['', 'not a URL; expected one such as https://openrouter.ai/api/v1'],
    [undefined, 'is missing; a provider of kind openai has no usual address'],
    [5, 'expected a text, got 5'],
    ['http://8.8.8.8/v1', 'http would send the key in the clear; use https'],
  ])('%s: %s', (url, problem) => {
    for (const allowPrivate of [false, true]) expect(problemOf(url, allowPrivate)).toBe(problem);
  });

  test('plain http to a name is for private networks alone', () => {
    expect(problemOf('http://api.openai.com/v1', false)).toBe('http would send the key in the clear; use https');
    expect(problemOf('http://ollama:11434/v1', true)).toBe('');
  });
});

describe('an API key', () => {
  test.each([
    'sk-xxx',
    'sk-XXXXXXXXXXXX',
    'xxxx',
    'sk-or-v1-xxxxxxxx',
    'sk-...',
    '****',
    'your-key-here',
    'sk-your-api-key',
    'YOUR_API_KEY',
    'key-here',
    'change-me',
    '<key>',
    '${OPENROUTER_API_KEY}',
    'TODO',
  ])('%s is a placeholder', (key) => {
    expect(linesFor({ api_key: key })).toEqual(['api_key: is a placeholder, not a key; put in the real one']);
  });

  test.each(['sk-real\n', 'sk-real\r\nx: y', ' sk-real', 'sk real', 'sk-réal', '\u0000'])(
    '%j cannot be a header',
    (key) => {
      expect(linesFor({ api_key: key })).toEqual([
        'api_key: a key has printable characters only, without spaces or line breaks',
      ]);
    },
  );

  test('that is no text is not repeated', () => {
    expect(linesFor({ api_key: 4_711 })).toEqual(['api_key: expected a text']);
    expect(linesFor({ api_key: '' })).toHaveLength(1);
  });

  test.each([
    'sk-proj-Ab3dEfGh1JkLmN0pQrStUvWxYz',
    'sk-or-v1-0123456789abcdef',
    'sk-ant-api03-abc_DEF-123',
    'AIzaSyA-1234567890abcdefghijklmnopqrstu',
    'none',
    'ollama',
  ])('%s is taken', (key) => {
    expect(linesFor({ api_key: key })).toEqual([]);
  });
});
