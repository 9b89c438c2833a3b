import { z } from 'zod';
import { type Problem, check } from '../../issues.ts';
import type { Message, SamplingParameters } from '../../request.ts';
import { findMalformed } from '../../well-formed.ts';
import { defined } from '../defined.ts';
import { inCamelCase } from './case.ts';
import { GenerationConfig, toSampling } from './config.ts';
import { Contents, Instruction, toMessages } from './contents.ts';
import { ToolConfig, Tools, toTools } from './tools.ts';
import { uncarried } from '../uncarried.ts';

/** The body of `generateContent` (https://ai.google.dev/api/generate-content), as far as other models can be asked the same. */
const Body = z.strictObject({
  model: z.string().min(1).optional(),
  contents: Contents,
  systemInstruction: Instruction.optional(),
  tools: Tools.default([]),
  toolConfig: ToolConfig.default({}),
  generationConfig: GenerationConfig.prefault({}),
  labels: z.record(z.string(), z.string()).optional(),
  /** About how Google keeps and serves the request, not about what is asked. */
  store: z.boolean().optional(),
  serviceTier: z.string().optional(),
  safetySettings: uncarried('other models have filters of their own; leave it out'),
  cachedContent: uncarried('known to Google alone; put its contents into the request'),
  continuationToken: uncarried('known to Google alone; leave it out'),
});

/** A request in the words of a job. */
export type GoogleRequest = SamplingParameters & {
  messages: Message[];
  max_tokens?: number;
  metadata?: Record<string, string>;
  /** The provider's own id, without the `models/` before it. */
  model?: string;
};

/** Reads a body of `generateContent`, its names in `camelCase` or `snake_case`; problems have their paths in `camelCase`. */
export function readGoogleRequest(
  input: unknown,
): { ok: true; value: GoogleRequest } | { ok: false; problems: Problem[] } {
  const malformed = findMalformed(input);
  if (malformed) return { ok: false, problems: [malformed] };
  const checked = check(Body, inCamelCase(input));
  if (!checked.ok) return checked;
  const { model, contents, systemInstruction, tools, toolConfig, generationConfig, labels } = checked.value;
  const { messages, problems } = toMessages(contents);
  if (problems.length > 0) return { ok: false, problems };
  const value = defined<GoogleRequest>({
    model: model?.replace(/^models\//, ''),
    messages: [...(systemInstruction ? [toSystemMessage(systemInstruction)] : []), ...messages],
    max_tokens: generationConfig.maxOutputTokens,
    metadata: labels,
    ...toSampling(generationConfig),
    ...toTools(tools, toolConfig),
  });
  return { ok: true, value };
}

function toSystemMessage({ parts }: Instruction): Message {
  const [first] = parts;
  const content = first && parts.length === 1 ? first.text : parts.map(({ text }) => ({ type: 'text' as const, text }));
  return { role: 'system', content };
}

const PLACES = new Map<unknown, readonly string[]>([
  ['messages', ['contents']],
  ['metadata', ['labels']],
  ['max_tokens', ['generationConfig', 'maxOutputTokens']],
]);

/** Where such a body says what our own fields say, as far as a job can be wrong where a request is not. */
export function placeInGoogleRequest([first, ...rest]: Problem['path']): Problem['path'] {
  const place = PLACES.get(first);
  if (place === undefined) return first === undefined ? [] : [first, ...rest];
  // Messages and contents do not stand at the same places.
  return first === 'messages' ? place : [...place, ...rest];
}
