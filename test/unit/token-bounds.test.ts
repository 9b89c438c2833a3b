import { readFileSync } from 'node:fs';
import { countTokens as countCl100k } from 'gpt-tokenizer/encoding/cl100k_base';
import { countTokens as countO200k } from 'gpt-tokenizer/encoding/o200k_base';
import { describe, expect, it } from 'vitest';
import { estimateTokens, loadTokenCounter } from '../../src/router/index.ts';

/** Text as it comes in prompts, by kind; the tokenisers of OpenAI's newer and older models are the oracle. */
const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const each = (count: number, text: (index: number) => string, between: string): string =>
  Array.from({ length: count }, (_, index) => text(index)).join(between);
/** Repeatable noise. */
const noise = (bytes: number): Buffer =>
  Buffer.from(Array.from({ length: bytes }, (_, index) => (Math.imul(index + 7, 2_654_435_761) >>> 11) & 255));

const SAMPLES: Record<string, string> = {
  'English prose': read('docs/jobs.md'),
  'English in capitals': 'THE QUICK BROWN FOX JUMPS OVER THE LAZY DOG, AND RUNS AWAY. '.repeat(20),
  TypeScript: read('src/store/ledger.ts'),
  'Lua and Redis': read('src/store/ledger/settle.ts'),
  'names in camel case': 'getUserAccountBalanceFromDatabaseConnection '.repeat(30),
  HTML: '<div class="a"><span style="color:red">x</span></div>\n'.repeat(50),
  LaTeX: String.raw`\begin{align} \frac{\partial u}{\partial t} &= \nabla^2 u \\ \end{align}`.repeat(20),
  JSON: JSON.stringify(JSON.parse(read('package.json'))),
  'JSON with hashes': read('package-lock.json').slice(0, 20_000),
  YAML: read('examples/sluice.yaml'),
  CSV: each(100, (n) => `${n},2026-11-${(n % 28) + 1},${(n * 7.31).toFixed(2)},OK`, '\n'),
  'a table': '| a | b | c |\n|---|---|---|\n| 1 | 2 | 3 |\n'.repeat(50),
  numbers: each(500, (n) => String(Math.sqrt(n + 2)), ', '),
  URLs: 'https://example.com/a/b/c?x=1&y=2#frag '.repeat(30),
  UUIDs: each(
    50,
    (n) =>
      noise(16 + n)
        .subarray(n)
        .toString('hex')
        .replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-'),
    '\n',
  ),
  base64: noise(3_000).toString('base64'),
  hex: noise(3_000).toString('hex'),
  Chinese: '人工智能正在改变我们的生活方式。许多公司使用大型语言模型来处理文件、回答问题和编写代码。'.repeat(10),
  'Chinese in traditional characters': '臺灣的夏天非常炎熱，許多人喜歡到海邊游泳或者在山上避暑。'.repeat(10),
  Japanese: '人工知能は私たちの生活を変えつつあります。カタカナとひらがなと漢字を混ぜて書きます。'.repeat(10),
  Korean: '인공지능은 우리의 삶을 바꾸고 있습니다. 많은 회사가 언어 모델을 사용합니다.'.repeat(10),
  Russian: 'Искусственный интеллект меняет нашу жизнь, и многие компании используют языковые модели.'.repeat(10),
  Greek: 'Η τεχνητή νοημοσύνη αλλάζει τη ζωή μας.'.repeat(10),
  Arabic: 'الذكاء الاصطناعي يغير حياتنا وتستخدم الشركات نماذج اللغة الكبيرة.'.repeat(10),
  Hebrew: 'הבינה המלאכותית משנה את חיינו.'.repeat(10),
  Hindi: 'कृत्रिम बुद्धिमत्ता हमारे जीवन को बदल रही है।'.repeat(10),
  Thai: 'ปัญญาประดิษฐ์กำลังเปลี่ยนแปลงชีวิตของเรา'.repeat(10),
  Tamil: 'செயற்கை நுண்ணறிவு நம் வாழ்க்கையை மாற்றுகிறது'.repeat(10),
  Amharic: 'ሰው ሰራሽ የማሰብ ችሎታ ሕይወታችንን እየለወጠ ነው።'.repeat(10),
  Vietnamese: 'Trí tuệ nhân tạo đang thay đổi cuộc sống của chúng ta mỗi ngày.'.repeat(10),
  German: 'Die Donaudampfschifffahrtsgesellschaft veröffentlichte überraschend gute Zahlen.'.repeat(10),
  Turkish: 'Yapay zekâ hayatımızı değiştiriyor ve birçok şirket dil modellerini kullanıyor.'.repeat(10),
  emoji: '😀🎉👩‍👩‍👧‍👦🏳️‍🌈🇩🇪👍🏽❤️🔥'.repeat(20),
  'emoji in a text': 'Great job 🎉🎉 see you tomorrow 😀 👍🏽 '.repeat(20),
  mathematics: '∀x∈ℝ: ∫₀^∞ e^{-x²} dx = √π/2 ≈ 0.886 ⇒ ∑ n² ≤ ∞'.repeat(20),
  blanks: `${' '.repeat(3_000)}${'\n'.repeat(500)}${'\t\t\tx\n'.repeat(300)}`,
  'control characters': '\u0000\u0001\u0002'.repeat(100),
};

const asText = { disallowedSpecial: new Set<string>() };

describe.each(Object.entries(SAMPLES))('%s', (_, text) => {
  const estimate = estimateTokens([{ role: 'user', content: text }]);

  it('has no more tokens than the bound says', () => {
    // What the message costs besides its text is left out: the text alone has to be within the bound of the text.
    const ofText = estimate.bound - estimateTokens([{ role: 'user', content: '' }]).bound;
    expect(countO200k(text, asText)).toBeLessThanOrEqual(ofText);
    expect(countCl100k(text, asText)).toBeLessThanOrEqual(ofText);
  });

  it('is not said to have ten times as many', () => {
    const ofText = estimate.bound - estimateTokens([{ role: 'user', content: '' }]).bound;
    expect(ofText).toBeLessThanOrEqual(Math.max(10 * countCl100k(text, asText), 300));
  });
});

/** The factor by which an estimate is wrong, in either direction. */
function factorOf(estimated: number, real: number): number {
  return Math.exp(Math.abs(Math.log(estimated / real)));
}

describe('what is expected', () => {
  const LATIN = [
    'English prose',
    'TypeScript',
    'names in camel case',
    'HTML',
    'LaTeX',
    'JSON',
    'JSON with hashes',
    'YAML',
    'CSV',
    'a table',
    'numbers',
    'URLs',
    'German',
    'Vietnamese',
  ];

  it.each(LATIN)('of %s is within a half of what is there', (name) => {
    const text = SAMPLES[name] ?? '';
    const { expected } = estimateTokens([{ role: 'user', content: text }]);
    expect(factorOf(expected, countO200k(text, asText))).toBeLessThan(1.6);
  });

  it.each(['Chinese', 'Japanese', 'Korean', 'Russian', 'Arabic', 'Hindi'])(
    'of %s is within a factor of 2.5',
    (name) => {
      const text = SAMPLES[name] ?? '';
      const { expected } = estimateTokens([{ role: 'user', content: text }]);
      expect(factorOf(expected, countO200k(text, asText))).toBeLessThan(2.5);
    },
  );
});

describe('the tokeniser', () => {
  it('counts the texts of a prompt, and what stands around them', async () => {
    const count = await loadTokenCounter();
    expect(count([{ role: 'user', content: 'hello world' }])).toBe(2 + 4);
    expect(
      count([
        { role: 'user', content: '' },
        { role: 'assistant', content: null },
      ]),
    ).toBe(8);
    const tools = [{ type: 'function' as const, function: { name: 'look_up' } }];
    expect(count([{ role: 'user', content: '' }], { tools })).toBe(4 + countO200k(JSON.stringify(tools)));
  });

  it('takes marks of a conversation for the text that they are', async () => {
    const count = await loadTokenCounter();
    expect(count([{ role: 'user', content: '<|endoftext|>' }])).toBeGreaterThan(4 + 1);
  });
});
