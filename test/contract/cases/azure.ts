import type { DialectCases } from './case.ts';
import { chatCases } from './chat-cases.ts';
import { chatStream, eventsOf, oddBody } from './chat-wire.ts';

const FILTERS = { hate: { filtered: false, severity: 'safe' }, violence: { filtered: false, severity: 'safe' } };
const checked = { prompt_filter_results: [{ prompt_index: 0, content_filter_results: FILTERS }] };

export const azureCases: DialectCases = {
  provider: { kind: 'azure' },
  modelId: 'gpt-5-mini-eastus',
  cases: [
    ...chatCases('max_completion_tokens', 'developer'),
    {
      name: 'an answer with the verdicts of its filters',
      sends: { headers: { 'api-key': 'sk-canary-4f0c9a71' } },
      answers: { body: oddBody({ content: 'Hi.' }, 'stop', checked) },
      streams:
        eventsOf([{ choices: [], created: 0, id: '', model: '', object: '', ...checked }]) +
        chatStream([{ content: 'Hi.' }]),
      gives: { completion: { content: 'Hi.', served_model: 'model-2026-08-07' } },
    },
  ],
};
