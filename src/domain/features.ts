import { takesForcedTools } from './claude-habits.ts';
import type { EmbeddingRequest } from './embedding.ts';
import { isGemini3OrLater } from './gemini-generation.ts';
import type { ProviderKind } from './provider-config.ts';
import type { Message, SamplingParameters } from './request.ts';

/**
 * What a job may ask for in OpenAI's words that another API has no words for. Where one cannot say it, its models are
 * left out of the route, with the feature as the reason: a job never loses a part of its meaning on the way to a fallback.
 */
export const FEATURES = [
  /** An image given by an https address, to be fetched by the provider. */
  'image-url',
  /** Tools, and an answer that has to be JSON. */
  'tools-with-json',
  /** Tools of which at most one may be called at a time. */
  'single-tool-call',
  /** A tool that has to be called. */
  'forced-tool',
  /** A text that ends the answer and is nothing but white space. */
  'blank-stop',
  /** Texts to embed that are given as tokens. */
  'token-input',
  /** More of them than Google takes at a time. */
  'many-inputs',
] as const;
export type Feature = (typeof FEATURES)[number];

const LACKED_BY_GOOGLE: readonly Feature[] = ['image-url', 'single-tool-call', 'token-input', 'many-inputs'];
/** https://ai.google.dev/api/embeddings#method:-models.batchembedcontents */
const MOST_INPUTS_OF_GOOGLE = 100;

/** The features that requests to a model cannot express: those that its API has no words for, or that it refuses itself. */
export function lacksOf(kind: ProviderKind, modelId: string): readonly Feature[] {
  switch (kind) {
    case 'anthropic':
      return takesForcedTools(modelId) ? ['blank-stop'] : ['blank-stop', 'forced-tool'];
    case 'google':
      return isGemini3OrLater(modelId) ? LACKED_BY_GOOGLE : [...LACKED_BY_GOOGLE, 'tools-with-json'];
    default:
      return [];
  }
}

/** Which of these a request makes use of. */
export function featuresOf(messages: readonly Message[], parameters: SamplingParameters): readonly Feature[] {
  const {
    tools = [],
    tool_choice: choice,
    response_format: format,
    parallel_tool_calls: isParallel,
    stop,
  } = parameters;
  const features: Feature[] = [];
  if (messages.some(hasImageUrl)) features.push('image-url');
  if (tools.length > 0 && format !== undefined && format.type !== 'text') features.push('tools-with-json');
  if (tools.length > 0 && isParallel === false) features.push('single-tool-call');
  if (tools.length > 0 && (choice === 'required' || typeof choice === 'object')) features.push('forced-tool');
  if ([stop ?? []].flat().some((text) => text.trim() === '')) features.push('blank-stop');
  return features;
}

/** Likewise of a request for embeddings. */
export function featuresOfInputs(inputs: EmbeddingRequest['inputs']): readonly Feature[] {
  const features: Feature[] = [];
  if (inputs.some((input) => typeof input !== 'string')) features.push('token-input');
  if (inputs.length > MOST_INPUTS_OF_GOOGLE) features.push('many-inputs');
  return features;
}

function hasImageUrl({ content }: Message): boolean {
  if (!Array.isArray(content)) return false;
  return content.some((part) => part.type === 'image_url' && !part.image_url.url.startsWith('data:'));
}
