import { describe, expect, test } from 'vitest';
import { type Check, createInspector } from '../../scripts/openapi/inspector.ts';
import { createJudge } from '../../scripts/openapi/judge.ts';
import { startUpstream } from '../support/upstream.ts';

const content = (type: string, name: string) => ({ [type]: { schema: { $ref: `#/components/schemas/${name}` } } });

const DOCUMENT = {
  openapi: '3.1.0',
  paths: {
    '/rivers/{river}': { get: { responses: { 200: { content: content('application/json', 'River') } } } },
    '/floods': { post: { responses: { 200: { content: content('text/event-stream', 'Event') } } } },
  },
  components: {
    schemas: {
      River: {
        type: 'object',
        properties: {
          id: { type: 'string' },
          depth: { type: 'integer', nullable: true, description: 'As OpenAPI 3.0 has it.' },
          mouth: { $ref: '#/components/schemas/River' },
        },
        required: ['id', 'depth'],
      },
      Event: {
        anyOf: [{ $ref: '#/components/schemas/Rise' }, { $ref: '#/components/schemas/Fall' }],
        discriminator: { propertyName: 'type' },
      },
      Rise: {
        type: 'object',
        properties: { type: { type: 'string', enum: ['rise'] }, by: { type: 'number' } },
        required: ['type', 'by'],
      },
      Fall: {
        type: 'object',
        properties: { type: { type: 'string', enum: ['fall'] }, to: { type: 'number' } },
        required: ['type', 'to'],
      },
      ErrorResponse: { type: 'object', properties: { error: { type: 'object' } }, required: ['error'] },
    },
  },
};

describe('an answer is judged', () => {
  const judge = createJudge(DOCUMENT);
  const place = judge.placeOf('GET', '/rivers/{river}', 200, 'application/json');
  const judgeRiver = (value: unknown) => judge.judge(place ?? { pointer: '' }, value);

  test('by the schema of its operation, through references and whatever says nullable', () => {
    const right = { problems: [], nulls: [] };
    expect(judgeRiver({ id: 'a', depth: 1, ours: true })).toEqual(right);
    expect(judgeRiver({ id: 'a', depth: null, mouth: { id: 'b', depth: 2 } })).toEqual(right);
    expect(judgeRiver({ id: 'a', depth: 1, mouth: { id: 'b', depth: 'deep' } })).toMatchObject({
      problems: ['/mouth/depth must be integer, got "deep"', '/mouth/depth must be null, got "deep"'],
    });
    expect(judgeRiver({ id: 'a' }).problems).toEqual([`/ must have required property 'depth', got {"id":"a"}`]);
  });

  test('mildly, where a field is null that may be left out, and only there', () => {
    expect(judgeRiver({ id: 'a', depth: 1, mouth: null })).toEqual({ problems: [], nulls: ['/mouth'] });
    expect(judgeRiver({ id: null, depth: 1 }).problems).toEqual(['/id must be string, got null']);
  });

  test('of a union by what its own kind misses', () => {
    const event = judge.placeOfSchema('Event');
    expect(event && judge.judge(event, { type: 'fall', by: 1 }).problems).toEqual([
      `/ must have required property 'to', got {"type":"fall","by":1}`,
    ]);
  });

  test('only where the document says something about it', () => {
    expect(judge.placeOf('GET', '/lakes', 200, 'application/json')).toBeUndefined();
    expect(judge.placeOf('GET', '/rivers/{river}', 404, 'application/json')).toBeUndefined();
    expect(judge.placeOfSchema('Lake')).toBeUndefined();
  });
});

test.each([['text'], [{ openapi: '3.0.1', paths: {}, components: { schemas: {} } }], [{ openapi: '3.1.0' }]])(
  'what is no such document is refused: %j',
  (document) => {
    expect(() => createJudge(document)).toThrow(/^this (is no OpenAPI 3.1 document|document has no)/);
  },
);

test('a server is asked, and every answer and event of it is told about', async () => {
  const { url } = await startUpstream((response, { path }) => {
    if (path === '/floods') {
      const events = [
        { type: 'rise', by: 1 },
        { type: 'fall', to: 'x' },
      ];
      response.end(events.map((event) => `event: rise\ndata: ${JSON.stringify(event)}\n\n`).join(''));
    } else if (path === '/rivers/rhine') response.end(JSON.stringify({ id: 'rhine', depth: 7 }));
    else response.writeHead(404).end('{}');
  });
  const checks: Check[] = [];
  const inspector = createInspector(url, createJudge(DOCUMENT), (check) => checks.push(check));
  const river = { method: 'GET', path: '/rivers/{river}' } as const;
  expect(await inspector.answer('one', { ...river, parameters: { river: 'rhine' } })).toMatchObject({ depth: 7 });
  await inspector.answer('none', { ...river, parameters: { river: 'lethe' } });
  await inspector.refusal('none', 404, { ...river, parameters: { river: 'lethe' } });
  await inspector.stream('all', { method: 'POST', path: '/floods', body: {} });
  expect(checks.map(({ name, problems }) => [name, problems])).toEqual([
    ['GET /rivers/{river}: one', []],
    ['GET /rivers/{river}: none', ['status 404, expected 200: {}']],
    ['GET /rivers/{river}: none is a 404', [`/ must have required property 'error', got {}`]],
    ['POST /floods: all', ['event "rise" has another type', 'fall: /to must be number, got "x"']],
  ]);
});
