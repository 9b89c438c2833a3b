import type { DialectCases } from './case.ts';
import { chatCases } from './chat-cases.ts';
import { chatBody } from './chat-wire.ts';

/** https://docs.helicone.ai/helicone-headers/header-directory */
export const heliconeCases: DialectCases = {
  provider: {
    kind: 'helicone',
    helicone: {
      api_key: 'sk-helicone-1',
      target_url: 'https://api.openai.com',
      properties: { Team: 'research' },
    },
  },
  modelId: 'gpt-5-mini',
  cases: [
    ...chatCases('max_completion_tokens', 'developer'),
    {
      name: 'its own key beside that of the provider, and no cache',
      sends: {
        headers: {
          'helicone-auth': 'Bearer sk-helicone-1',
          'helicone-target-url': 'https://api.openai.com',
          'helicone-property-team': 'research',
          'helicone-cache-enabled': 'false',
          authorization: 'Bearer sk-canary-4f0c9a71',
        },
      },
      answers: { body: chatBody({ content: 'Hi.' }), headers: { 'helicone-cache': 'MISS' } },
      gives: { completion: { content: 'Hi.' } },
    },
    {
      name: 'an answer from its cache, which cost nothing',
      answers: { body: chatBody({ content: 'Hi.' }), headers: { 'helicone-cache': 'HIT' } },
      gives: { completion: { billed_nanos: 0 } },
    },
  ],
};
