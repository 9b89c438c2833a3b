import { onTestFinished } from 'vitest';
import { type Sim, type SimOptions, startSim } from '../../src/sim/server.ts';

/** Two models that answer at once and never fail. */
export const profiles = {
  'sim/small-1': { price: { input: 0.15, output: 0.6 }, latency: { p50_ms: 0, p95_ms: 0 } },
  'sim/large-1': { price: { input: 2.5, output: 10 }, latency: { p50_ms: 0, p95_ms: 0 } },
};

/** Stopped at the end of the test. */
export async function start(options: Partial<SimOptions> = {}): Promise<Sim> {
  const sim = await startSim({ profiles, ...options });
  onTestFinished(() => sim.stop());
  return sim;
}

export type Asked = { status: number; headers: Headers; text: string };

export async function ask(sim: Sim, body: object | string, headers: Record<string, string> = {}): Promise<Asked> {
  const response = await fetch(`${sim.url}/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  return { status: response.status, headers: response.headers, text: await response.text() };
}

export function prompt(text: string, more: object = {}): object {
  return { model: 'sim/small-1', messages: [{ role: 'user', content: text }], ...more };
}

type Body = {
  choices: { message: { content: string }; finish_reason: string }[];
  usage: { prompt_tokens: number; completion_tokens: number; total_tokens: number };
};

/** What a client takes from a completion. */
export function read({ text }: Asked): { content: string; finishReason: string; usage: Body['usage'] } {
  const body = JSON.parse(text) as Body;
  const choice = body.choices[0];
  return { content: choice?.message.content ?? '', finishReason: choice?.finish_reason ?? '', usage: body.usage };
}
