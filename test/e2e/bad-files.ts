/** Stands in every file, and must stand in no message. */
export const PROMPT = 'my mother’s maiden name';
export const SECRET = 'hunter2-hunter2';

const GOOD_ROW = JSON.stringify({ id: 'a', prompt: PROMPT });

export const FILES: Record<string, string | Buffer> = {
  'good.jsonl': `${GOOD_ROW}\n`,
  'other.jsonl': `${JSON.stringify({ id: 'a', prompt: `${PROMPT}?` })}\n`,
  'empty.jsonl': '',
  'blank.jsonl': '\n  \r\n\t\n',
  'windows.jsonl': `\uFEFF${GOOD_ROW}\r\n\r\n${JSON.stringify({ id: 'b', prompt: PROMPT })}\r\n`,
  'endless.jsonl': Buffer.alloc(3_000_000, 'x'),
  'utf-16.jsonl': Buffer.from(`\uFEFF${GOOD_ROW}\n`, 'utf16le'),
  'many.jsonl': 'no JSON\n'.repeat(25),
  'tab.yaml': 'providers:\n\tsim: {}\n',
  'list.yaml': '- a\n',
  'twice.yaml': 'models:\n  a: {}\n  a: {}\n',
  'many.yaml': `providers:
  plain: { base_url: http://api.example.com/v1, api_key: "${SECRET} " }
  metadata: { base_url: http://169.254.169.254/v1 }
  files: { base_url: "ftp://example.com" }
  login: { base_url: "https://me:${SECRET}@example.com" }
  placeholder: { base_url: https://example.com/v1, api_key: sk-xxxx }
  missing: { base_url: https://example.com/v1, api_key: "\${NOT_THERE}" }
models:
  free: { provider: plain, id: free }
  minus: { provider: plain, id: minus, price: { input: -1, output: 1 } }
  lost: { provider: plian, id: lost, price: { input: 1, output: 1 } }
tasks:
  coding: { models: [fre] }
budgets:
  team: { limit_usd: -5 }
results: { keep: 1x }
modles: {}
`,
};
