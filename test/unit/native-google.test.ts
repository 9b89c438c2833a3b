import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Problem, formatProblem } from '../../src/domain/issues.ts';
import { type GoogleRequest, readGoogleRequest } from '../../src/domain/native/google/request.ts';
import type { Message } from '../../src/domain/request.ts';

const contents = [{ role: 'user', parts: [{ text: 'Hi.' }] }];

function read(body: object): GoogleRequest {
  const result = readGoogleRequest({ contents, ...body });
  if (!result.ok) throw new Error(result.problems.map(formatProblem).join('\n'));
  return result.value;
}

function problemsOf(body: unknown): readonly Problem[] {
  const result = readGoogleRequest(body);
  return result.ok ? [] : result.problems;
}

function told(body: object): string[] {
  return problemsOf({ contents, ...body }).map(formatProblem);
}

describe('a body of generateContent', () => {
  test('is a request in our words', () => {
    const { messages, ...others } = read({
      model: 'models/gemini-3.8-flash',
      systemInstruction: { parts: [{ text: 'Be brief.' }] },
      generationConfig: {
        temperature: 0.5,
        topP: 0.9,
        seed: 7,
        stopSequences: ['END'],
        maxOutputTokens: 100,
        candidateCount: 1,
        responseMimeType: 'text/plain',
        responseModalities: ['TEXT'],
        thinkingConfig: { thinkingLevel: 'low', includeThoughts: false },
      },
      labels: { team_name: 'eval' },
      store: false,
      serviceTier: 'flex',
    });
    expect(messages).toEqual([
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'Hi.' },
    ]);
    expect(others).toEqual({
      model: 'gemini-3.8-flash',
      temperature: 0.5,
      top_p: 0.9,
      seed: 7,
      stop: ['END'],
      max_tokens: 100,
      reasoning_effort: 'low',
      metadata: { team_name: 'eval' },
    });
  });

  test('says the same in snake_case; what is the caller’s own keeps its names', () => {
    const schema = { type: 'object', properties: { first_name: { type: 'string' } } };
    const camel = {
      generationConfig: { maxOutputTokens: 5, responseMimeType: 'application/json', responseJsonSchema: schema },
      tools: [{ functionDeclarations: [{ name: 'look_up', parametersJsonSchema: schema }] }],
      toolConfig: { functionCallingConfig: { mode: 'ANY', allowedFunctionNames: ['look_up'] } },
      contents: [
        { role: 'model', parts: [{ functionCall: { name: 'look_up', args: { first_name: 'x' } } }] },
        { role: 'user', parts: [{ functionResponse: { name: 'look_up', response: { last_name: 'y' } } }] },
      ],
    };
    const snake = {
      generation_config: { max_output_tokens: 5, response_mime_type: 'application/json', response_json_schema: schema },
      tools: [{ function_declarations: [{ name: 'look_up', parameters_json_schema: schema }] }],
      tool_config: { function_calling_config: { mode: 'ANY', allowed_function_names: ['look_up'] } },
      contents: [
        { role: 'model', parts: [{ function_call: { name: 'look_up', args: { first_name: 'x' } } }] },
        { role: 'user', parts: [{ function_response: { name: 'look_up', response: { last_name: 'y' } } }] },
      ],
    };
    expect(read(snake)).toEqual(read(camel));
    expect(JSON.stringify(read(snake))).toMatch(/first_name.*last_name/);
  });

  test.each([
    [{ thinkingBudget: 0 }, 'none'],
    [{ thinkingBudget: 512 }, 'low'],
    [{ thinkingBudget: 8_192 }, 'medium'],
    [{ thinkingBudget: 24_576 }, 'high'],
    [{ thinkingBudget: -1 }, undefined],
    [{ thinkingLevel: 'MINIMAL' }, 'minimal'],
  ])('thinks with %o as with an effort: %s', (thinkingConfig, effort) => {
    expect(read({ generationConfig: { thinkingConfig } }).reasoning_effort).toBe(effort);
  });

  test.each([
    [{}, undefined],
    [{ mode: 'AUTO' }, 'auto'],
    [{ mode: 'ANY' }, 'required'],
    [{ mode: 'NONE' }, 'none'],
    [
      { mode: 'ANY', allowedFunctionNames: ['look'] },
      { type: 'function', function: { name: 'look' } },
    ],
  ])('calls functions with %o as with %o', (functionCallingConfig, choice) => {
    const tools = [{ functionDeclarations: [{ name: 'look' }] }];
    expect(read({ tools, toolConfig: { functionCallingConfig } }).tool_choice).toEqual(choice);
  });
});

test('Google’s own schemas become JSON Schema', () => {
  const responseSchema = {
    type: 'OBJECT',
    description: 'A recipe.',
    propertyOrdering: ['any_of', 'tags'],
    required: ['any_of'],
    properties: {
      any_of: { type: 'STRING', nullable: true, enum: ['a', 'b'], example: 'a', max_length: '9' },
      tags: { type: 'ARRAY', minItems: '1', items: { type: 'INTEGER', format: 'int32', minimum: 0 } },
      free: { anyOf: [{ type: 'NUMBER' }, { type: 'BOOLEAN' }], nullable: true },
    },
  };
  const { response_format: format } = read({
    generationConfig: { responseMimeType: 'application/json', responseSchema },
  });
  expect(format).toEqual({
    type: 'json_schema',
    json_schema: {
      name: 'response',
      schema: {
        type: 'object',
        description: 'A recipe.',
        required: ['any_of'],
        properties: {
          any_of: { type: ['string', 'null'], enum: ['a', 'b', null], examples: ['a'], maxLength: 9 },
          tags: { type: 'array', minItems: 1, items: { type: 'integer', format: 'int32', minimum: 0 } },
          free: { anyOf: [{ type: 'number' }, { type: 'boolean' }, { type: 'null' }] },
        },
      },
    },
  });
  const [tool] =
    read({ tools: [{ functionDeclarations: [{ name: 'cook', parameters: responseSchema }] }] }).tools ?? [];
  expect(tool?.function.parameters).toMatchObject({ type: 'object', required: ['any_of'] });
});

function messagesOf(...turns: object[]): Message[] {
  return read({ contents: turns }).messages;
}

function ask(name: string, args: object): object {
  return { functionCall: { name, args } };
}

function answer(name: string, response: object): object {
  return { functionResponse: { name, response } };
}

describe('contents', () => {
  test('have images as addresses', () => {
    const parts = [
      { text: 'What is this?' },
      { inlineData: { mimeType: 'image/png', data: 'iVBORw==' } },
      { fileData: { mimeType: 'image/jpeg', fileUri: 'https://example.com/cat.jpg' } },
    ];
    expect(messagesOf({ parts })).toEqual([
      {
        role: 'user',
        content: [
          { type: 'text', text: 'What is this?' },
          { type: 'image_url', image_url: { url: 'data:image/png;base64,iVBORw==' } },
          { type: 'image_url', image_url: { url: 'https://example.com/cat.jpg' } },
        ],
      },
    ]);
  });

  test('have calls without ids answered by name, in their order', () => {
    expect(
      messagesOf(
        {
          role: 'model',
          parts: [{ text: 'I look.' }, ask('look', { at: 1 }), ask('hear', {}), ask('look', { at: 2 })],
        },
        {
          role: 'function',
          parts: [answer('look', { output: 'one' }), answer('look', { seen: 2 }), answer('hear', {}), { text: 'So?' }],
        },
      ),
    ).toEqual([
      {
        role: 'assistant',
        content: 'I look.',
        tool_calls: [
          { id: 'call_1', type: 'function', function: { name: 'look', arguments: '{"at":1}' } },
          { id: 'call_2', type: 'function', function: { name: 'hear', arguments: '{}' } },
          { id: 'call_3', type: 'function', function: { name: 'look', arguments: '{"at":2}' } },
        ],
      },
      { role: 'tool', tool_call_id: 'call_1', content: 'one' },
      { role: 'tool', tool_call_id: 'call_3', content: '{"seen":2}' },
      { role: 'tool', tool_call_id: 'call_2', content: '{}' },
      { role: 'user', content: 'So?' },
    ]);
  });

  test('lose what was thought, and the signatures, which only Google could read', () => {
    const parts = [
      { text: 'Hm.', thought: true },
      { text: 'Hello.', thoughtSignature: 'EtoFCtcFAb4=' },
    ];
    expect(messagesOf({ role: 'model', parts })).toEqual([{ role: 'assistant', content: 'Hello.' }]);
  });
});

describe('what cannot be carried', () => {
  test.each([
    [{ generationConfig: { topK: 40 } }, 'generationConfig.topK: not every model has it; use topP'],
    [{ generationConfig: { candidateCount: 2 } }, 'generationConfig.candidateCount: one answer a row; leave it out'],
    [
      { generationConfig: { thinkingConfig: { includeThoughts: true } } },
      'generationConfig.thinkingConfig.includeThoughts: answers are kept without thoughts; leave it out',
    ],
    [
      { generationConfig: { responseSchema: { type: 'STRING' } } },
      'generationConfig.responseMimeType: a schema needs application/json',
    ],
    [
      { generation_config: { max_output_token: 5 } },
      'generationConfig: unknown field "maxOutputToken" (did you mean "maxOutputTokens"?)',
    ],
    [
      { generationConfig: { maxOutputTokens: 5, max_output_tokens: 6 } },
      'generationConfig: unknown field "max_output_tokens" (did you mean "maxOutputTokens"?)',
    ],
    [{ safety_settings: [] }, 'safetySettings: other models have filters of their own; leave it out'],
    [{ cachedContent: 'x' }, 'cachedContent: known to Google alone; put its contents into the request'],
    [
      { tools: [{ google_search: {} }] },
      'tools[0].googleSearch: run by Google itself; only functionDeclarations can be carried to other models',
    ],
    [
      { tools: [{ functionDeclarations: [{ name: 'a.b' }] }] },
      'tools[0].functionDeclarations[0].name: use 1 to 64 letters, digits or _ -, got "a.b"',
    ],
    [
      { toolConfig: { functionCallingConfig: { mode: 'ANY', allowedFunctionNames: ['a', 'b'] } } },
      'toolConfig.functionCallingConfig.allowedFunctionNames: give one name with mode ANY, or declare only the functions meant',
    ],
  ])('%j is told with its place', (body, problem) => {
    expect(told(body)).toEqual([problem]);
  });

  test.each([
    [{ inlineData: { mimeType: 'audio/wav', data: '' } }, 'inlineData.mimeType: only images can be carried'],
    [{ fileData: { mimeType: 'image/png', fileUri: 'gs://a/b' } }, 'fileData.fileUri: use an https address'],
    [
      { fileData: { mimeType: 'image/png', fileUri: 'https://generativelanguage.googleapis.com/v1beta/files/x' } },
      'fileData.fileUri: use an https address',
    ],
    [{ executableCode: {}, text: 'x' }, 'executableCode: cannot be carried to other models; leave it out'],
    [{ functionCall: { name: 'look' } }, 'functionCall: only in a turn of the model'],
    [{ functionResponse: { name: 'look', response: {} } }, 'functionResponse: answers no functionCall before it'],
  ])('part %j is told with its place', (part, problem) => {
    expect(told({ contents: [{ parts: [part] }] })).toEqual([
      expect.stringContaining(`contents[0].parts[0].${problem}`),
    ]);
  });

  test.each([
    { contents: 'a prompt' },
    { contents: ['a prompt'] },
    { contents: [{ parts: 'a prompt' }] },
    { contents: [{ parts: ['a prompt'] }] },
    { contents: [{ parts: [{ functionCall: { name: 'x', args: 'a prompt' } }] }] },
    { contents: [{ parts: [{ functionResponse: { name: 'x', response: 'a prompt' } }] }] },
    { contents, systemInstruction: 'a prompt' },
  ])('is told without a word of the prompt: %j', (body) => {
    const problems = problemsOf(body);
    expect(problems).not.toEqual([]);
    expect(JSON.stringify(problems)).not.toContain('a prompt');
  });

  test('any input is read or told to be wrong', () => {
    fc.assert(
      fc.property(fc.anything(), fc.anything(), (input, parts) => {
        for (const body of [input, { contents: [{ parts }] }])
          expect(typeof readGoogleRequest(body).ok).toBe('boolean');
      }),
    );
  });
});
