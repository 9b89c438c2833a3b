import type { Message, SamplingParameters } from '../request.ts';

/** A request of one of OpenAI's APIs in the words of a job, with OpenRouter's on whom to ask. */
export type RoutedRequest = SamplingParameters & {
  model: string;
  messages: Message[];
  max_tokens?: number;
  user?: string;
  metadata?: Record<string, string>;
  stream?: boolean;
  models?: string[];
  provider?: unknown;
};
