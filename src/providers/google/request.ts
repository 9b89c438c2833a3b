import { isGemini3OrLater } from '../../domain/gemini-generation.ts';
import type { ModelSpec } from '../../domain/model.ts';
import type { ChatRequest, SamplingParameters } from '../../domain/request.ts';
import { toConversation } from './messages.ts';
import type { WireRequest } from '../provider.ts';

/** A request of Google's API (https://ai.google.dev/api/generate-content). */
export function toGoogleRequest(
  provider: string,
  model: ModelSpec,
  { messages, maxTokens, parameters }: ChatRequest,
  stream: boolean,
): WireRequest {
  const { omit, service_tier: tier } = model.request;
  const said: SamplingParameters = { ...parameters };
  for (const name of omit) delete said[name];
  return {
    path: `/${pathOf(model.id)}:${stream ? 'streamGenerateContent?alt=sse' : 'generateContent'}`,
    body: {
      ...toConversation(provider, messages, isGemini3OrLater(model.id)),
      ...toTools(said),
      generationConfig: {
        ...toGenerationConfig(said),
        ...toThinking(model.id, said, maxTokens),
        maxOutputTokens: maxTokens,
      },
      // The usual tier is the default and needs no word.
      ...(tier === 'flex' || tier === 'priority' ? { serviceTier: tier } : {}),
    },
  };
}

/** Tuned models say in their id what they are: `tunedModels/...`. */
export function pathOf(id: string): string {
  const name = /^(tuned)?models\//i.test(id) ? id : `models/${id}`;
  return name.split('/').map(encodeURIComponent).join('/');
}

const LARGEST_SEED = 2 ** 31;

/**
 * The penalties are left out: since Gemini 2.5 the models refuse whatever says them. What a JSON Schema says beyond the
 * keywords that Google knows, it does not look at.
 */
function toGenerationConfig({ temperature, top_p, seed, stop, response_format: format }: SamplingParameters): object {
  const stops = typeof stop === 'string' ? [stop] : stop;
  const config: Record<string, unknown> = {};
  if (temperature !== undefined) config['temperature'] = temperature;
  if (top_p !== undefined) config['topP'] = top_p;
  // A 32-bit number there: a larger one is folded, so that the same seed stays the same seed.
  if (seed !== undefined) config['seed'] = seed % LARGEST_SEED;
  if (stops?.length) config['stopSequences'] = stops;
  if (format !== undefined && format.type !== 'text') config['responseMimeType'] = 'application/json';
  if (format?.type === 'json_schema') {
    const { schema, description } = format.json_schema;
    if (schema !== undefined) {
      config['responseJsonSchema'] = description === undefined ? schema : { description, ...schema };
    }
  }
  return config;
}

function toTools({ tools = [], tool_choice: choice }: SamplingParameters): object {
  if (tools.length === 0) return {};
  const isStrict = tools.some((tool) => tool.function.strict === true);
  const mode = toCallingMode(choice, isStrict);
  return {
    tools: [
      {
        functionDeclarations: tools.map(({ function: { name, description, parameters } }) => ({
          name,
          ...(description === undefined ? {} : { description }),
          ...(parameters === undefined ? {} : { parametersJsonSchema: parameters }),
        })),
      },
    ],
    ...(mode === undefined ? {} : { toolConfig: { functionCallingConfig: mode } }),
  };
}

function toCallingMode(choice: SamplingParameters['tool_choice'], isStrict: boolean): object | undefined {
  if (typeof choice === 'object') return { mode: 'ANY', allowedFunctionNames: [choice.function.name] };
  if (choice === 'required') return { mode: 'ANY' };
  if (choice === 'none') return { mode: 'NONE' };
  // VALIDATED is AUTO with arguments held to the schema.
  if (isStrict) return { mode: 'VALIDATED' };
  return choice === 'auto' ? { mode: 'AUTO' } : undefined;
}

type Effort = NonNullable<SamplingParameters['reasoning_effort']>;

/** Tokens, as Google's own OpenAI-compatible endpoint has them for Gemini 2.5 (https://ai.google.dev/gemini-api/docs/openai). */
const BUDGETS: Record<Effort, number> = {
  none: 0,
  minimal: 1_024,
  low: 1_024,
  medium: 8_192,
  high: 24_576,
  xhigh: 24_576,
};
/** Gemini 2.5 Pro cannot do without. */
const LEAST_BUDGET_OF_PRO = 128;
const LEVELS = { low: 'LOW', medium: 'MEDIUM', high: 'HIGH', xhigh: 'HIGH' } as const;

/** An effort in a model's words, or nothing for models that take none: they would refuse the whole request. */
function toThinking(id: string, { reasoning_effort: effort }: SamplingParameters, maxTokens: number): object {
  if (effort === undefined) return {};
  if (/\bgemini-2\.5\b/i.test(id)) {
    const least = /\bpro\b/i.test(id) ? LEAST_BUDGET_OF_PRO : 0;
    // Thoughts count as part of the answer: who thinks up all of it says nothing, and charges for it.
    const most = Math.floor(maxTokens / 2);
    return { thinkingConfig: { thinkingBudget: Math.max(Math.min(BUDGETS[effort], most), least) } };
  }
  if (!isGemini3OrLater(id)) return {};
  const thinkingLevel = effort === 'none' || effort === 'minimal' ? leastLevelOf(id) : LEVELS[effort];
  return { thinkingConfig: { thinkingLevel } };
}

/** None of them stops thinking altogether; `MINIMAL` is refused by the Pro models, and by Flash since 3.7. */
function leastLevelOf(id: string): 'MINIMAL' | 'LOW' {
  return /\bgemini-(3(\.[0-6])?-flash|([\d.]+-)?flash-lite)\b/i.test(id) ? 'MINIMAL' : 'LOW';
}
