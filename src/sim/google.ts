import { z } from 'zod';
import { inCamelCase } from '../domain/native/google/case.ts';
import { toJsonSchema } from '../domain/native/google/schema.ts';
import { googleEmbeddingsBody, readGoogleEmbeddings } from './embeddings.ts';
import {
  type ChatRequest,
  type Completion,
  type Refusal,
  type StreamEvent,
  type Wire,
  countTokens,
  piecesOf,
  readChatRequest,
} from './wire.ts';

/** The wire format of Google's Gemini API (https://ai.google.dev/api/generate-content). */
export const googleWire: Wire = {
  purposeOf(method, path, headers) {
    if (method === 'POST' && GENERATE.test(path)) return 'chat';
    // Others have their list of models at the same address.
    const isList = path === '/v1beta/models' || (path === '/v1/models' && 'x-goog-api-key' in headers);
    return method === 'GET' && isList ? 'models' : undefined;
  },
  keyOf: ({ 'x-goog-api-key': key }) => (typeof key === 'string' ? key : undefined),
  read,
  completionBody: (completion) =>
    completion.embeddings
      ? googleEmbeddingsBody(completion, completion.embeddings)
      : JSON.stringify(answerOf(completion, partsOf(completion), true)),
  events,
  refuse,
  modelsBody: (ids) =>
    JSON.stringify({
      models: ids.map((id) => ({
        name: `models/${id}`,
        version: '001',
        displayName: id,
        supportedGenerationMethods: ['generateContent', 'streamGenerateContent'],
      })),
    }),
};

/** Both versions are in use: Google's own client has turned to `v1`. */
const GENERATE = /^\/v1(?:beta)?\/models\/(.+):(generateContent|streamGenerateContent|batchEmbedContents)$/;

const JsonObject = z.record(z.string(), z.json());
const Content = z.object({
  role: z.enum(['user', 'model'], 'Please use a valid role: user, model.').nullish(),
  parts: z.array(
    z.object({
      text: z.string().nullish(),
      functionResponse: z.object({ name: z.string(), response: JsonObject }).nullish(),
    }),
  ),
});

/** Like the real one, it refuses names that it does not know, at the places where a client's own ones might slip in. */
const Request = z.strictObject({
  contents: z.array(Content).min(1, 'contents is not specified'),
  systemInstruction: Content.nullish(),
  tools: z
    .array(
      z.object({
        functionDeclarations: z
          .array(
            z.object({
              name: z.string(),
              parameters: JsonObject.nullish(),
              parametersJsonSchema: JsonObject.nullish(),
            }),
          )
          .nullish(),
      }),
    )
    .nullish(),
  toolConfig: z
    .object({
      functionCallingConfig: z
        .object({ mode: z.string().nullish(), allowedFunctionNames: z.array(z.string()).nullish() })
        .nullish(),
    })
    .nullish(),
  generationConfig: z
    .strictObject({
      maxOutputTokens: z.int().min(1).nullish(),
      candidateCount: z.literal(1).nullish(),
      responseMimeType: z.enum(['text/plain', 'application/json']).nullish(),
      responseSchema: JsonObject.nullish(),
      responseJsonSchema: JsonObject.nullish(),
      stopSequences: z.array(z.string()).max(5).nullish(),
      temperature: z.number().min(0).max(2).nullish(),
      topP: z.number().nullish(),
      topK: z.number().nullish(),
      seed: z.int32().nullish(),
      thinkingConfig: z
        .strictObject({
          thinkingLevel: z.enum(['MINIMAL', 'LOW', 'MEDIUM', 'HIGH']).nullish(),
          thinkingBudget: z.int().min(-1).nullish(),
          includeThoughts: z.boolean().nullish(),
        })
        .nullish(),
    })
    .nullish(),
  safetySettings: z.unknown().optional(),
  serviceTier: z.string().nullish(),
  labels: z.unknown().optional(),
});
type Request = z.infer<typeof Request>;

function read(body: unknown, path: string): ChatRequest | string {
  const [, model = '', method] = GENERATE.exec(path) ?? [];
  if (method === 'batchEmbedContents') return readGoogleEmbeddings(inCamelCase(body), decodeURIComponent(model));
  const parsed = Request.safeParse(inCamelCase(body));
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    return `* GenerateContentRequest.${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'invalid'}`;
  }
  const { contents, systemInstruction, tools, generationConfig: config } = parsed.data;
  const schema = config?.responseJsonSchema ?? (config?.responseSchema && toJsonSchema(config.responseSchema));
  const declarations = tools?.flatMap((tool) => tool.functionDeclarations ?? []);
  return readChatRequest({
    model: decodeURIComponent(model),
    stream: method === 'streamGenerateContent',
    messages: [
      ...(systemInstruction ? [{ role: 'system', content: textsOf(systemInstruction) }] : []),
      ...contents.map((content) => ({ role: roleOf(content), content: textsOf(content) })),
    ],
    max_tokens: config?.maxOutputTokens,
    ...(config?.responseMimeType === 'application/json'
      ? { response_format: schema ? { type: 'json_schema', json_schema: { schema } } : { type: 'json_object' } }
      : {}),
    tools: declarations?.map(({ name, parameters, parametersJsonSchema }) => ({
      function: { name, parameters: parametersJsonSchema ?? (parameters && toJsonSchema(parameters)) },
    })),
    tool_choice: choiceOf(parsed.data),
    reasoning_effort: effortOf(parsed.data),
  });
}

function roleOf({ role, parts }: z.infer<typeof Content>): string {
  if (role === 'model') return 'assistant';
  return parts.every((part) => part.functionResponse) ? 'tool' : 'user';
}

function textsOf({ parts }: z.infer<typeof Content>): object[] {
  return parts.map(({ text, functionResponse }) => ({
    type: 'text',
    text: functionResponse ? JSON.stringify(functionResponse.response) : (text ?? ''),
  }));
}

function choiceOf({ toolConfig }: Request): unknown {
  const { mode, allowedFunctionNames } = toolConfig?.functionCallingConfig ?? {};
  if (mode !== 'ANY') return undefined;
  const name = allowedFunctionNames?.[0];
  return name === undefined ? 'required' : { function: { name } };
}

function effortOf({ generationConfig }: Request): string | undefined {
  const { thinkingLevel, thinkingBudget } = generationConfig?.thinkingConfig ?? {};
  return thinkingLevel?.toLowerCase() ?? (thinkingBudget ? 'medium' : undefined);
}

/** What was thought is counted and not shown, as for everybody who does not ask to see it. */
function partsOf({ id, text, toolCall }: Completion): object[] {
  if (toolCall === undefined) return text === '' ? [] : [{ text }];
  return [{ functionCall: { id, name: toolCall.name, args: JSON.parse(toolCall.arguments) as unknown } }];
}

function answerOf(completion: Completion, parts: object[], isLast: boolean): object {
  const { id, model, reasoning, finishReason, inputTokens, outputTokens } = completion;
  const thoughts = countTokens(reasoning.length);
  const counts = {
    candidatesTokenCount: outputTokens - thoughts,
    totalTokenCount: inputTokens + outputTokens,
    ...(thoughts > 0 ? { thoughtsTokenCount: thoughts } : {}),
  };
  return {
    candidates: [
      {
        content: parts.length === 0 ? { role: 'model' } : { parts, role: 'model' },
        ...(isLast ? { finishReason: finishReason === 'length' ? 'MAX_TOKENS' : 'STOP' } : {}),
        index: 0,
      },
    ],
    usageMetadata: { promptTokenCount: inputTokens, ...(isLast ? counts : {}) },
    modelVersion: model,
    responseId: id,
  };
}

/**
 * Every event is an answer of its own with the next piece; the last one says why there is no more. What was thought came
 * before the first one.
 */
function events(completion: Completion): StreamEvent[] {
  const { text, toolCall, reasoning } = completion;
  const pieces = toolCall
    ? [{ parts: partsOf(completion), characters: toolCall.arguments.length }]
    : piecesOf(text).map((piece) => ({ parts: [{ text: piece }], characters: piece.length }));
  const answers = [
    ...pieces.map(({ parts, characters }) => ({ answer: answerOf(completion, parts, false), characters })),
    { answer: answerOf(completion, [{ text: '' }], true), characters: 0 },
  ];
  return answers.map(({ answer, characters }, index) => ({
    text: `data: ${JSON.stringify(answer)}\r\n\r\n`,
    characters: characters + (index === 0 ? reasoning.length : 0),
  }));
}

type ErrorKind = { code: number; status: string; message: string; details?: object[] };

function refuse(refusal: Refusal): { status: number; body: string } {
  const error = errorOf(refusal);
  return { status: error.code, body: JSON.stringify({ error }) };
}

function errorOf({ status, model = '', message, retryAfterSeconds }: Refusal): ErrorKind {
  if (message !== undefined) return { code: status, message, status: 'INVALID_ARGUMENT' };
  switch (status) {
    case 401: {
      const details = [{ '@type': `${RPC}.ErrorInfo`, reason: 'API_KEY_INVALID', domain: 'googleapis.com' }];
      const text = 'API key not valid. Please pass a valid API key.';
      return { code: 400, message: text, status: 'INVALID_ARGUMENT', details };
    }
    case 403:
      return { code: 403, message: `You have no access to ${model}.`, status: 'PERMISSION_DENIED' };
    case 404: {
      const text = `models/${model} is not found for API version v1beta, or is not supported for generateContent.`;
      return { code: 404, message: text, status: 'NOT_FOUND' };
    }
    case 429:
      return quotaError(model, retryAfterSeconds);
    case 503:
    case 529:
      return { code: 503, message: 'The model is overloaded. Please try again later.', status: 'UNAVAILABLE' };
    case 504:
      return { code: 504, message: 'Deadline expired before operation could complete.', status: 'DEADLINE_EXCEEDED' };
    default:
      return status < 500
        ? { code: status, message: 'Request contains an invalid argument.', status: 'INVALID_ARGUMENT' }
        : { code: status, message: 'An internal error has occurred.', status: 'INTERNAL' };
  }
}

const RPC = 'type.googleapis.com/google.rpc';

/** How long to wait is said in the body alone. */
function quotaError(model: string, retryAfterSeconds: number | undefined): ErrorKind {
  const quota = {
    quotaMetric: 'generativelanguage.googleapis.com/generate_content_paid_tier_requests',
    quotaId: 'GenerateRequestsPerMinutePerProjectPerModel-PaidTier',
    quotaDimensions: { location: 'global', model },
  };
  const retryDelay = `${retryAfterSeconds}s`;
  return {
    code: 429,
    message: `You exceeded your current quota.${retryAfterSeconds === undefined ? '' : ` Please retry in ${retryDelay}.`}`,
    status: 'RESOURCE_EXHAUSTED',
    details: [
      { '@type': `${RPC}.QuotaFailure`, violations: [quota] },
      ...(retryAfterSeconds === undefined ? [] : [{ '@type': `${RPC}.RetryInfo`, retryDelay }]),
    ],
  };
}
