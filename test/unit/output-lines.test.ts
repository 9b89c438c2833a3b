import { expect, it } from 'vitest';
import { outputLine } from '../../src/cli/output-lines.ts';
import type { CompletedResult, FailedResult } from '../../src/domain/result.ts';

const COMPLETED: CompletedResult = {
  v: 1,
  job_id: 'b-1-0',
  row_id: 'row "1"',
  status: 'completed',
  task: null,
  model: 'cheap',
  provider: 'sim',
  model_id: 'vendor/cheap-1',
  completion: { content: 'Hi.\n', finish_reason: 'stop', usage: { input_tokens: 3, output_tokens: 2 } },
  attempts: [{ model: 'cheap', provider: 'sim', outcome: 'completed', cost_nanos: 1_500, latency_ms: 12 }],
  cost_nanos: 1_500,
  latency_ms: 12,
  total_ms: 40,
  finished_at: 1_700_000_000_500,
  cached: false,
};

const parse = (line: string): Record<string, unknown> => JSON.parse(line) as Record<string, unknown>;

it('a completed row has all that OpenAI’s output line has, whatever the provider left out', () => {
  expect(parse(outputLine(COMPLETED))).toEqual({
    id: 'batch_req_b-1-0',
    custom_id: 'row "1"',
    response: {
      status_code: 200,
      request_id: 'b-1-0',
      body: {
        id: 'chatcmpl-b-1-0',
        object: 'chat.completion',
        created: 1_700_000_000,
        model: 'vendor/cheap-1',
        provider: 'sim',
        choices: [
          {
            index: 0,
            message: { role: 'assistant', content: 'Hi.\n', refusal: null },
            logprobs: null,
            finish_reason: 'stop',
          },
        ],
        usage: {
          prompt_tokens: 3,
          completion_tokens: 2,
          total_tokens: 5,
          prompt_tokens_details: { cached_tokens: 0 },
          completion_tokens_details: { reasoning_tokens: 0 },
          cost: 0.0000015,
        },
      },
    },
    error: null,
    x_sluice: {
      model: 'cheap',
      provider: 'sim',
      task: null,
      cost_usd: 0.0000015,
      latency_ms: 12,
      cached: false,
      total_ms: 40,
      attempts: [{ model: 'cheap', provider: 'sim', outcome: 'completed', latency_ms: 12, cost_usd: 0.0000015 }],
    },
  });
});

it('tool calls, refusals and token details are handed on', () => {
  const tool_calls = [{ id: 't', type: 'function' as const, function: { name: 'f', arguments: '{}' } }];
  const usage = { input_tokens: 3, output_tokens: 2, cached_input_tokens: 1, reasoning_tokens: 0 };
  const completion = { ...COMPLETED.completion, content: null, refusal: 'No.', tool_calls, usage };
  const { response } = parse(outputLine({ ...COMPLETED, completion, score: 0, variant: 'v' }));
  expect(response).toMatchObject({
    body: {
      choices: [{ message: { content: null, refusal: 'No.', tool_calls } }],
      usage: { prompt_tokens_details: { cached_tokens: 1 }, completion_tokens_details: { reasoning_tokens: 0 } },
    },
  });
});

it('a score of 0 and an empty variant are facts, too', () => {
  expect(parse(outputLine({ ...COMPLETED, score: 0, variant: 'b' }))['x_sluice']).toMatchObject({
    score: 0,
    variant: 'b',
  });
});

it('a failed row has no response and its error, on one line', () => {
  const { v, job_id, task, total_ms, finished_at } = COMPLETED;
  const failed: FailedResult = {
    v,
    job_id,
    task,
    total_ms,
    finished_at,
    cost_nanos: 0,
    attempts: [],
    status: 'failed',
    error: { code: 'CANCELLED', message: 'a\nb' },
  };
  const line = outputLine(failed);
  expect(line).not.toContain('\n');
  expect(parse(line)).toEqual({
    id: 'batch_req_b-1-0',
    custom_id: null,
    response: null,
    error: { code: 'CANCELLED', message: 'a\nb' },
    x_sluice: { task: null, cost_usd: 0, total_ms: 40, attempts: [] },
  });
});
