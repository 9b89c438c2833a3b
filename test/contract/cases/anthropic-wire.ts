import type Anthropic from '@anthropic-ai/sdk';
import type { DialectCase } from './case.ts';

/** Messages of Anthropic's API and the streams in which they come, as its own client's types say that they look. */

export const MESSAGE_ID = 'msg_01XFDUDYJgAACzvnptvVoYEL';
export const MODEL_ID = 'claude-sonnet-5';

export const USAGE: Anthropic.Usage = {
  input_tokens: 21,
  cache_creation_input_tokens: 0,
  cache_read_input_tokens: 0,
  cache_creation: { ephemeral_5m_input_tokens: 0, ephemeral_1h_input_tokens: 0 },
  output_tokens: 6,
  output_tokens_details: { thinking_tokens: 0 },
  server_tool_use: null,
  service_tier: 'standard',
  inference_geo: 'global',
  speed: null,
};

export function messageOf(
  content: Anthropic.ContentBlock[],
  changes: Partial<Anthropic.Message> = {},
): Anthropic.Message {
  return {
    model: MODEL_ID,
    id: MESSAGE_ID,
    type: 'message',
    role: 'assistant',
    content,
    container: null,
    diagnostics: null,
    stop_reason: 'end_turn',
    stop_sequence: null,
    stop_details: null,
    usage: USAGE,
    ...changes,
  };
}

export function textBlock(text: string): Anthropic.TextBlock {
  return { type: 'text', text, citations: null };
}

export function toolUse(id: string, name: string, input: object): Anthropic.ToolUseBlock {
  return { type: 'tool_use', id, name, input, caller: { type: 'direct' } };
}

type StreamEvent = Anthropic.RawMessageStreamEvent | { type: 'ping' } | Anthropic.ErrorResponse;

export function wireOf(events: readonly StreamEvent[]): string {
  return events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join('');
}

/** The events by which a message arrives, its texts and inputs in two pieces. */
export function eventsOf(message: Anthropic.Message): StreamEvent[] {
  const { content, stop_reason, stop_sequence, stop_details, container, usage } = message;
  const beginning: Anthropic.Message = {
    ...message,
    content: [],
    stop_reason: null,
    stop_sequence: null,
    stop_details: null,
    usage: { ...usage, output_tokens: 1, output_tokens_details: null },
  };
  return [
    { type: 'message_start', message: beginning },
    { type: 'ping' },
    ...content.flatMap(eventsOfBlock),
    {
      type: 'message_delta',
      delta: { container, stop_reason, stop_sequence, stop_details },
      usage: {
        input_tokens: usage.input_tokens,
        cache_creation_input_tokens: usage.cache_creation_input_tokens,
        cache_read_input_tokens: usage.cache_read_input_tokens,
        output_tokens: usage.output_tokens,
        output_tokens_details: usage.output_tokens_details,
        server_tool_use: null,
      },
    },
    { type: 'message_stop' },
  ];
}

function eventsOfBlock(block: Anthropic.ContentBlock, index: number): StreamEvent[] {
  const [start, deltas] = piecesOfBlock(block);
  return [
    { type: 'content_block_start', index, content_block: start },
    ...deltas.map((delta): StreamEvent => ({ type: 'content_block_delta', index, delta })),
    { type: 'content_block_stop', index },
  ];
}

function piecesOfBlock(
  block: Anthropic.ContentBlock,
): [Anthropic.RawContentBlockStartEvent['content_block'], Anthropic.RawContentBlockDelta[]] {
  switch (block.type) {
    case 'text':
      return [{ ...block, text: '' }, halves(block.text).map((text) => ({ type: 'text_delta', text }))];
    case 'tool_use': {
      const pieces = ['', ...halves(JSON.stringify(block.input))];
      return [{ ...block, input: {} }, pieces.map((partial_json) => ({ type: 'input_json_delta', partial_json }))];
    }
    case 'thinking':
      return [
        { ...block, thinking: '', signature: '' },
        [
          ...halves(block.thinking).map((thinking) => ({ type: 'thinking_delta' as const, thinking })),
          { type: 'signature_delta', signature: block.signature },
        ],
      ];
    default:
      return [block, []];
  }
}

function halves(text: string): string[] {
  const middle = Math.ceil(text.length / 2);
  return [text.slice(0, middle), text.slice(middle)].filter((half) => half !== '');
}

/** The same message whole and streamed. */
export function answering(message: Anthropic.Message): Pick<DialectCase, 'answers' | 'streams'> {
  return { answers: { body: message }, streams: wireOf(eventsOf(message)) };
}
