import { setTimeout as pause } from 'node:timers/promises';
import type { Inspector } from './inspector.ts';
import type { Judge } from './judge.ts';
import { MODELS } from './stage.ts';

const { chat, broken, embedding, failing, slow } = MODELS;

const SCHEMA = {
  type: 'object',
  properties: { city: { type: 'string' } },
  required: ['city'],
  additionalProperties: false,
};
const CHAT = { method: 'POST', path: '/chat/completions' } as const;
const RESPONSES = { method: 'POST', path: '/responses' } as const;
const EMBEDDINGS = { method: 'POST', path: '/embeddings' } as const;
const FILES = { method: 'POST', path: '/files' } as const;
const BATCHES = { method: 'POST', path: '/batches' } as const;
const MOST_LOOKS = 500;
const LOOK_EVERY_MS = 20;

/** Asks for one of everything that the gateway serves. */
export async function checkAll(inspector: Inspector, judge: Judge): Promise<void> {
  await checkChat(inspector);
  await checkResponses(inspector);
  await checkEmbeddings(inspector);
  await checkModels(inspector);
  await checkFiles(inspector);
  await checkBatches(inspector, judge);
  await checkErrors(inspector);
}

async function checkChat({ answer, stream }: Inspector): Promise<void> {
  const body = { model: chat, messages: [{ role: 'user', content: 'Say hello.' }] };
  const tool = { type: 'function', function: { name: 'weather', parameters: SCHEMA } };
  const kinds: [string, object][] = [
    ['a text', {}],
    ['a text that is cut off', { max_completion_tokens: 4 }],
    ['a thought', { reasoning_effort: 'high' }],
    ['a call of a tool', { tools: [tool], tool_choice: 'required' }],
    ['JSON', { response_format: { type: 'json_schema', json_schema: { name: 'place', schema: SCHEMA } } }],
  ];
  for (const [what, more] of kinds) {
    await answer(what, { ...CHAT, body: { ...body, ...more } });
    await stream(`${what}, streamed`, { ...CHAT, body: { ...body, ...more, stream: true } });
  }
  const usage = { stream: true, stream_options: { include_usage: true } };
  await stream('a text, streamed with usage', { ...CHAT, body: { ...body, ...usage } });
}

async function checkResponses({ answer, stream }: Inspector): Promise<void> {
  const body = { model: chat, input: 'Say hello.', instructions: 'Be brief.', metadata: { suite: 'openapi' } };
  const tool = { type: 'function', name: 'weather', parameters: SCHEMA, strict: true };
  const kinds: [string, object][] = [
    ['a text', {}],
    ['a text that is cut off', { max_output_tokens: 16 }],
    ['a thought', { reasoning: { effort: 'high' } }],
    ['a call of a tool', { tools: [tool], tool_choice: 'required' }],
    ['JSON', { text: { format: { type: 'json_schema', name: 'place', schema: SCHEMA, strict: true } } }],
  ];
  for (const [what, more] of kinds) {
    await answer(what, { ...RESPONSES, body: { ...body, ...more } });
    await stream(`${what}, streamed`, { ...RESPONSES, body: { ...body, ...more, stream: true } });
  }
  await stream('a stream that breaks off', { ...RESPONSES, body: { ...body, model: broken, stream: true } });
}

async function checkEmbeddings({ answer }: Inspector): Promise<void> {
  const body = { model: embedding, encoding_format: 'float' };
  await answer('of a text', { ...EMBEDDINGS, body: { ...body, input: 'one' } });
  await answer('of several texts', { ...EMBEDDINGS, body: { ...body, input: ['one', 'two'], dimensions: 16 } });
}

async function checkModels({ answer }: Inspector): Promise<void> {
  const list = await answer('all', { method: 'GET', path: '/models' });
  for (const { id } of list['data'] as { id: string }[]) {
    await answer(id, { method: 'GET', path: '/models/{model}', parameters: { model: id } });
  }
}

async function checkFiles({ answer }: Inspector): Promise<void> {
  const form = formOf('{"a":1}\n', 'user_data');
  const file = await answer('a file', { ...FILES, body: form });
  const parameters = { file_id: String(file['id']) };
  await answer('all', { method: 'GET', path: '/files' });
  await answer('one', { method: 'GET', path: '/files/{file_id}', parameters });
  // An empty list is not asked for: the document wants the ids of its first and last file.
  await answer('one', { method: 'DELETE', path: '/files/{file_id}', parameters });
}

function rowOf(custom_id: string, model: string): string {
  const body = { model, messages: [{ role: 'user', content: custom_id }] };
  return JSON.stringify({ custom_id, method: 'POST', url: '/v1/chat/completions', body });
}

async function checkBatches(inspector: Inspector, judge: Judge): Promise<void> {
  const { answer } = inspector;
  const order = async (what: string, lines: readonly string[]): Promise<string> => {
    const file = await answer(`the input of ${what}`, { ...FILES, body: formOf(lines.join('\n'), 'batch') });
    const terms = { endpoint: '/v1/chat/completions', completion_window: '24h', metadata: { suite: 'openapi' } };
    const { id } = await answer(what, { ...BATCHES, body: { ...terms, input_file_id: file['id'] } });
    return String(id);
  };
  const look = async (what: string, id: string): Promise<Record<string, unknown>> =>
    answer(what, { method: 'GET', path: '/batches/{batch_id}', parameters: { batch_id: id } });
  const untilEnd = async (what: string, id: string): Promise<Record<string, unknown>> => {
    for (let looks = 0; looks < MOST_LOOKS; looks += 1) {
      const response = await fetch(`${inspector.baseUrl}/batches/${id}`);
      const { status } = (await response.json()) as { status: string };
      if (['completed', 'failed', 'cancelled', 'expired'].includes(status)) break;
      await pause(LOOK_EVERY_MS);
    }
    return look(what, id);
  };

  await answer('none', { method: 'GET', path: '/batches' });
  const whole = await order('a batch', [rowOf('good', chat), rowOf('bad', failing)]);
  const ended = await untilEnd('that has ended', whole);
  const bad = await order('a batch that cannot be read', ['no JSON']);
  await untilEnd('that could not be read', bad);
  const cancelled = await order('a batch to be cancelled', [rowOf('late', slow)]);
  await answer('one', {
    method: 'POST',
    path: '/batches/{batch_id}/cancel',
    parameters: { batch_id: cancelled },
  });
  await untilEnd('that was cancelled', cancelled);
  await answer('all', { method: 'GET', path: '/batches' });

  const places = {
    output_file_id: judge.placeOf('POST', '/chat/completions', 200, 'application/json'),
    error_file_id: judge.placeOfSchema('ErrorResponse'),
  };
  for (const [name, place] of Object.entries(places)) {
    const content = await fetch(`${inspector.baseUrl}/files/${String(ended[name])}/content`);
    const [first = ''] = (await content.text()).split('\n');
    const { response } = JSON.parse(first) as { response: { body: unknown } };
    inspector.value(`a line of ${name}`, place, response.body);
  }
}

async function checkErrors({ refusal }: Inspector): Promise<void> {
  const messages = [{ role: 'user', content: 'Say hello.' }];
  const bodies: [typeof CHAT | typeof RESPONSES | typeof EMBEDDINGS, object][] = [
    [CHAT, { model: chat, messages }],
    [RESPONSES, { model: chat, input: 'Say hello.' }],
    [EMBEDDINGS, { model: embedding, input: 'one' }],
  ];
  for (const [asked, body] of bodies) {
    await refusal('what is no JSON', 400, { ...asked, body: '{"model":' });
    await refusal('an unknown field', 400, { ...asked, body: { ...body, hurry: true } });
    await refusal('an unknown model', 404, { ...asked, body: { ...body, model: 'gpt-9' } });
    await refusal('a body that is too large', 413, { ...asked, body: { ...body, user: 'x'.repeat(200_000) } });
    await refusal('a wrong key', 401, { ...asked, body, headers: { authorization: `Bearer ${WRONG_KEY}` } });
    if (asked === EMBEDDINGS) continue;
    await refusal('a model that fails', 502, { ...asked, body: { ...body, model: failing } });
    await refusal('a stream that does not begin', 502, { ...asked, body: { ...body, model: failing, stream: true } });
  }
  await refusal('an unknown model', 404, { method: 'GET', path: '/models/{model}', parameters: { model: 'gpt-9' } });
  await refusal('an unknown file', 404, { method: 'GET', path: '/files/{file_id}', parameters: { file_id: 'file-0' } });
  await refusal('an unknown batch', 404, {
    method: 'GET',
    path: '/batches/{batch_id}',
    parameters: { batch_id: 'batch_0' },
  });
  await refusal('an unknown file', 400, {
    ...BATCHES,
    body: { input_file_id: 'file-0', endpoint: '/v1/chat/completions', completion_window: '24h' },
  });
  await refusal('what is no form', 415, { ...FILES, body: 'x', headers: { 'content-type': 'text/plain' } });
  await refusal('an unknown address', 404, { method: 'GET', path: '/fine_tuning/jobs' });
}

/** Of the right shape: what has another one is let in where keys are not needed. */
const WRONG_KEY = `sk-sluice-${'0'.repeat(12)}${'0'.repeat(32)}`;

function formOf(content: string, purpose: string): FormData {
  const form = new FormData();
  form.set('purpose', purpose);
  form.set('file', new File([content], 'lines.jsonl'));
  return form;
}
