import { expect, test } from 'vitest';
import { readCsv } from '../../bench/routing/csv.ts';

test('a quoted field holds commas, line breaks and quotes', () => {
  const text = 'id,answer,note\r\n1,"[No], since\nit says ""so"".",\n2,"",plain text\n3,last,"a\r\nb"';
  expect([...readCsv(text)]).toEqual([
    { id: '1', answer: '[No], since\nit says "so".', note: '' },
    { id: '2', answer: '', note: 'plain text' },
    { id: '3', answer: 'last', note: 'a\r\nb' },
  ]);
});

test('a text that is no CSV says where', () => {
  expect(() => [...readCsv('id,answer\n1,"never closed')]).toThrow('not CSV at character 12');
});

test('a field of a megabyte is read', () => {
  const long = '"" x\n'.repeat(200_000);
  expect([...readCsv(`id\n"${long}"\n`)][0]?.['id']).toHaveLength(800_000);
});
