/**
 * Clients send answers back as they came, with fields that only tell how an answer was made, and providers' marks. None
 * of them asks for anything: they are left out before the request is checked, so that what is left may be checked strictly.
 */
const TOLD_OF_MESSAGES = new Set([
  'annotations',
  'reasoning',
  'reasoning_content',
  'reasoning_details',
  'cache_control',
  // What the official client read in it.
  'parsed',
  'provider_specific_fields',
]);
/** Told only where there is something: null in all other answers. */
const EMPTY_IN_MESSAGES = new Set(['audio', 'function_call', 'tool_calls', 'name', 'refusal']);
const TOLD_OF_TOOL_CALLS = new Set(['index', 'extra_content']);
const MARKS_ON_PARTS = new Set(['cache_control', 'prompt_cache_breakpoint']);

type Fields = Record<string, unknown>;

/** The body with its messages cleaned; anything that has another shape is left for the check to tell. */
export function withCleanHistory(body: unknown): unknown {
  if (!isFields(body) || !Array.isArray(body['messages'])) return body;
  return { ...body, messages: body['messages'].map(cleanMessage) };
}

function cleanMessage(message: unknown): unknown {
  if (!isFields(message)) return message;
  const isUntold = (name: string, value: unknown): boolean =>
    TOLD_OF_MESSAGES.has(name) ||
    (EMPTY_IN_MESSAGES.has(name) && (value === null || value === undefined)) ||
    // Results of tools are known by the id of the call.
    (name === 'name' && message['role'] === 'tool');
  const clean = without(message, isUntold);
  if (Array.isArray(clean['content'])) clean['content'] = clean['content'].map(cleanPart);
  if (Array.isArray(clean['tool_calls'])) {
    // Some clients write the list of an answer that had none.
    if (clean['tool_calls'].length === 0) delete clean['tool_calls'];
    else clean['tool_calls'] = clean['tool_calls'].map(cleanToolCall);
  }
  return clean;
}

function cleanPart(part: unknown): unknown {
  return isFields(part) ? without(part, (name) => MARKS_ON_PARTS.has(name)) : part;
}

function cleanToolCall(call: unknown): unknown {
  if (!isFields(call)) return call;
  const clean = without(call, (name) => TOLD_OF_TOOL_CALLS.has(name));
  const { function: called } = clean;
  return isFields(called) ? { ...clean, function: without(called, (name) => name === 'parsed_arguments') } : clean;
}

function without(fields: Fields, isOut: (name: string, value: unknown) => boolean): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([name, value]) => !isOut(name, value)));
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
