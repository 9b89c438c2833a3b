import type { DialectCase } from './case.ts';
import { type GoogleRequest, answering } from './google-wire.ts';

/** Exchanges with Google's Gemini API: what is asked. */

const schema = { type: 'object' as const, properties: { city: { type: 'string' as const } }, required: ['city'] };
const weather = { name: 'get_weather', description: 'The weather now.', parameters: schema };
const tools = [{ type: 'function' as const, function: weather }];
const declared = [
  {
    functionDeclarations: [{ name: 'get_weather', description: 'The weather now.', parametersJsonSchema: schema }],
  },
];
const PIXEL = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

const hello = { ...answering([{ text: 'Hello there.' }], 'STOP'), gives: { completion: { content: 'Hello there.' } } };

/** Checked against the types of Google's own client. */
function body(request: GoogleRequest): GoogleRequest {
  return request;
}

export const ASKING: DialectCase[] = [
  {
    ...hello,
    name: 'a system prompt and a conversation',
    request: {
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: 'Hi.', name: 'ann' },
        { role: 'assistant', content: 'Hello.' },
        { role: 'developer', content: [{ type: 'text', text: 'Be kind.' }] },
        { role: 'user', content: 'One.' },
        { role: 'user', content: [{ type: 'text', text: 'Two.' }] },
        { role: 'assistant', refusal: 'No.' },
        { role: 'user', content: 'Why?' },
      ],
      parameters: { temperature: 0, top_p: 0.9, seed: 2 ** 40 + 7, frequency_penalty: 1, presence_penalty: 1 },
    },
    sends: {
      body: body({
        systemInstruction: { parts: [{ text: 'Be brief.' }, { text: 'Be kind.' }] },
        contents: [
          { role: 'user', parts: [{ text: 'Hi.' }] },
          { role: 'model', parts: [{ text: 'Hello.' }] },
          { role: 'user', parts: [{ text: 'One.' }, { text: 'Two.' }] },
          { role: 'model', parts: [{ text: 'No.' }] },
          { role: 'user', parts: [{ text: 'Why?' }] },
        ],
        generationConfig: { temperature: 0, topP: 0.9, seed: 7, maxOutputTokens: 64 },
      }),
    },
  },
  {
    name: 'tool calls',
    request: { parameters: { tools, tool_choice: 'required' } },
    sends: {
      body: { ...body({ toolConfig: { functionCallingConfig: { mode: 'ANY' } } }), tools: declared },
    },
    ...answering(
      [
        { functionCall: { id: 'k3f9', name: 'get_weather', args: { city: 'Oslo' } }, thoughtSignature: 'EpEgCo4gAb4=' },
        { functionCall: { name: 'get_weather' } },
      ],
      'STOP',
    ),
    gives: {
      completion: {
        content: null,
        finish_reason: 'tool_calls',
        tool_calls: [
          { id: 'k3f9', type: 'function', function: { name: 'get_weather', arguments: '{"city":"Oslo"}' } },
          {
            id: 'call_Un6LacrVMcjUxs0PmJfWoQc_1',
            type: 'function',
            function: { name: 'get_weather', arguments: '{}' },
          },
        ],
      },
    },
  },
  {
    ...hello,
    name: 'tool results',
    request: {
      messages: [
        { role: 'user', content: 'Where is it warmer?' },
        {
          role: 'assistant',
          content: '',
          tool_calls: [
            { id: 'c1', type: 'function', function: { name: 'get_weather', arguments: '{"city":"Oslo"}' } },
            { id: 'c2', type: 'function', function: { name: 'get_weather', arguments: '' } },
            { id: 'c3', type: 'function', function: { name: 'get_weather', arguments: '["Rome"' } },
          ],
        },
        { role: 'tool', tool_call_id: 'c2', content: '{"id":12345678901234567890}' },
        { role: 'tool', tool_call_id: 'c1', content: [{ type: 'text', text: 'cold' }] },
        { role: 'tool', tool_call_id: 'c3', content: 'warm' },
        { role: 'user', content: 'Well?' },
      ],
      parameters: { tools, tool_choice: { type: 'function', function: { name: 'get_weather' } } },
    },
    sends: {
      body: body({
        contents: [
          { role: 'user', parts: [{ text: 'Where is it warmer?' }] },
          {
            role: 'model',
            parts: [
              {
                functionCall: { id: 'c1', name: 'get_weather', args: { city: 'Oslo' } },
                thoughtSignature: 'skip_thought_signature_validator',
              },
              { functionCall: { id: 'c2', name: 'get_weather', args: {} } },
              { functionCall: { id: 'c3', name: 'get_weather', args: { arguments: '["Rome"' } } },
            ],
          },
          {
            role: 'user',
            parts: [
              {
                functionResponse: {
                  id: 'c2',
                  name: 'get_weather',
                  response: { output: '{"id":12345678901234567890}' },
                },
              },
              { functionResponse: { id: 'c1', name: 'get_weather', response: { output: 'cold' } } },
              { functionResponse: { id: 'c3', name: 'get_weather', response: { output: 'warm' } } },
              { text: 'Well?' },
            ],
          },
        ],
        toolConfig: { functionCallingConfig: { mode: 'ANY', allowedFunctionNames: ['get_weather'] } },
      }),
    },
  },
  {
    name: 'a JSON object',
    request: { parameters: { response_format: { type: 'json_object' } } },
    sends: { body: body({ generationConfig: { responseMimeType: 'application/json' } }), without: ['toolConfig'] },
    ...answering([{ text: '{"a":1}' }], 'STOP'),
    gives: { completion: { content: '{"a":1}', finish_reason: 'stop' } },
  },
  {
    name: 'a JSON schema',
    request: {
      parameters: {
        response_format: {
          type: 'json_schema',
          json_schema: { name: 'place', description: 'A place.', schema, strict: true },
        },
      },
    },
    sends: {
      body: body({
        generationConfig: {
          responseMimeType: 'application/json',
          responseJsonSchema: { description: 'A place.', ...schema },
        },
      }),
    },
    ...answering([{ text: '{"city":"Oslo"}' }], 'STOP'),
    gives: { completion: { content: '{"city":"Oslo"}' } },
  },
  {
    ...hello,
    name: 'an image',
    request: {
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: 'What is this?' },
            { type: 'image_url', image_url: { url: `data:image/png;base64,${PIXEL}`, detail: 'low' } },
          ],
        },
      ],
    },
    sends: {
      body: body({
        contents: [
          { role: 'user', parts: [{ text: 'What is this?' }, { inlineData: { mimeType: 'image/png', data: PIXEL } }] },
        ],
      }),
    },
  },
  {
    ...hello,
    name: 'stop sequences',
    request: { parameters: { stop: ['\n\n', 'END'] } },
    sends: { body: body({ generationConfig: { stopSequences: ['\n\n', 'END'] } }) },
  },
  {
    ...hello,
    name: 'a single stop sequence',
    request: { parameters: { stop: 'END' } },
    sends: { body: body({ generationConfig: { stopSequences: ['END'] } }) },
  },
  {
    ...hello,
    name: 'tools whose arguments are held to the schema',
    request: { parameters: { tools: [{ type: 'function', function: { ...weather, strict: true } }] } },
    sends: { body: body({ toolConfig: { functionCallingConfig: { mode: 'VALIDATED' } } }) },
  },
  {
    ...hello,
    name: 'tools that are not to be called',
    request: { parameters: { tools, tool_choice: 'none' } },
    sends: { body: body({ toolConfig: { functionCallingConfig: { mode: 'NONE' } } }) },
  },
  {
    ...hello,
    name: 'a system prompt and nothing else',
    request: { messages: [{ role: 'system', content: 'Say hello.' }] },
    sends: {
      body: body({ contents: [{ role: 'user', parts: [{ text: 'Say hello.' }] }] }),
      without: ['systemInstruction'],
    },
  },
];
