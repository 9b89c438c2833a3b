import { takesForcedTools } from './claude-habits.ts';
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
] as const;
export type Feature = (typeof FEATURES)[number];

/** The features that requests to a model cannot express: those that its API has no words for, or that it refuses itself. */
export function lacksOf(kind: ProviderKind, modelId: string): readonly Feature[] {
  switch (kind) {
    case 'anthropic':
      return takesForcedTools(modelId) ? ['blank-stop'] : ['blank-stop', 'forced-tool'];
    case 'google':
      return isGemini3OrLater(modelId)
        ? ['image-url', 'single-tool-call']
        : ['image-url', 'single-tool-call', 'tools-with-json'];
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

function hasImageUrl({ content }: Message): boolean {
  if (!Array.isArray(content)) return false;
  return content.some((part) => part.type === 'image_url' && !part.image_url.url.startsWith('data:'));
}
