import type {
  Content,
  FinishReason,
  GenerateContentResponse,
  GenerateContentResponseUsageMetadata,
  GenerationConfig,
  Part,
  Tool,
  ToolConfig,
} from '@google/genai';
import type { DialectCase } from './case.ts';

/** What Google's own client holds, as JSON: enums are their texts. */
type OnTheWire<Value> = Value extends string
  ? `${Value}`
  : Value extends readonly (infer Entry)[]
    ? OnTheWire<Entry>[]
    : Value extends object
      ? { [Name in keyof Value]: OnTheWire<Value[Name]> }
      : Value;

export type GoogleRequest = OnTheWire<{
  contents?: Content[];
  systemInstruction?: Content;
  tools?: Tool[];
  toolConfig?: ToolConfig;
  generationConfig?: GenerationConfig;
  serviceTier?: string;
}>;

type Usage = GenerateContentResponseUsageMetadata & { serviceTier?: string };

export type GoogleAnswer = OnTheWire<
  Pick<GenerateContentResponse, 'candidates' | 'promptFeedback' | 'modelVersion' | 'responseId'> & {
    usageMetadata?: Usage;
  }
>;

export const MODEL_ID = 'gemini-3.8-flash';
export const RESPONSE_ID = 'Un6LacrVMcjUxs0PmJfWoQc';

export const USAGE: OnTheWire<Usage> = {
  promptTokenCount: 9,
  candidatesTokenCount: 28,
  totalTokenCount: 37,
  promptTokensDetails: [{ modality: 'TEXT', tokenCount: 9 }],
};

/** An answer as it is without streaming, or one event of a stream. Constructed after the documentation. */
export function googleAnswer(
  parts: OnTheWire<Part>[],
  finishReason?: `${FinishReason}`,
  more: Partial<GoogleAnswer> = {},
): GoogleAnswer {
  return {
    candidates: [
      {
        content: parts.length === 0 ? { role: 'model' } : { parts, role: 'model' },
        ...(finishReason === undefined ? {} : { finishReason }),
        index: 0,
      },
    ],
    usageMetadata: USAGE,
    modelVersion: MODEL_ID,
    responseId: RESPONSE_ID,
    ...more,
  };
}

/** Google ends its lines as the telegraph did. */
export function googleStream(...events: (GoogleAnswer | { error: object })[]): string {
  return events.map((event) => `data: ${JSON.stringify(event)}\r\n\r\n`).join('');
}

/** An answer, and the same one streamed: a piece an event, and a last event that says why there is no more. */
export function answering(
  parts: OnTheWire<Part>[],
  finishReason: `${FinishReason}`,
  more: Partial<GoogleAnswer> = {},
): Pick<DialectCase, 'answers' | 'streams'> {
  const { usageMetadata: _atTheEnd, ...said } = more;
  return {
    answers: { body: googleAnswer(parts, finishReason, more) },
    streams: googleStream(
      ...parts
        .flatMap(inPieces)
        .map((part) => googleAnswer([part], undefined, { ...said, usageMetadata: { promptTokenCount: 9 } })),
      googleAnswer([{ text: '' }], finishReason, more),
    ),
  };
}

function inPieces(part: OnTheWire<Part>): OnTheWire<Part>[] {
  const { text } = part;
  if (text === undefined || text.length < 2) return [part];
  const middle = Math.floor(text.length / 2);
  return [
    { ...part, text: text.slice(0, middle) },
    { ...part, text: text.slice(middle) },
  ];
}
