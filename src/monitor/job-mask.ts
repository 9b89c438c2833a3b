import type { QueuedJob } from '../domain/job.ts';
import { Message, textOf } from '../domain/request.ts';

/** What the board may always show, in this order: tags, limits and settings. A field that is not named here is text. */
const OPEN_FIELDS = [
  'task',
  'account',
  'user',
  'lane',
  'batch',
  'id',
  'metadata',
  'max_cost_usd',
  'max_total_usd',
  'max_latency_ms',
  'max_tokens',
  'deadline_ms',
  'max_attempts',
  'model',
  'models',
  'strategy',
  'cache',
  'dimensions',
  'temperature',
  'top_p',
  'seed',
  'frequency_penalty',
  'presence_penalty',
  'reasoning_effort',
  'parallel_tool_calls',
  'enqueued_at',
  'v',
] as const satisfies readonly (keyof QueuedJob)[];

const OPEN = new Set<string>(OPEN_FIELDS);

/** A job's data as the board shows it: tags first, then the rest, its texts replaced by their length unless `showPrompts`. */
export function presentJobData(data: unknown, showPrompts: boolean): unknown {
  if (typeof data !== 'object' || data === null || Array.isArray(data)) return showPrompts ? data : hide(data);
  const fields = Object.entries(data);
  const tags = OPEN_FIELDS.flatMap((name) => fields.filter(([field]) => field === name));
  const texts = fields.filter(([field]) => !OPEN.has(field));
  const shownTexts = showPrompts ? texts : texts.map(([field, value]) => [field, hideField(field, value)]);
  return Object.fromEntries([...tags, ...shownTexts]);
}

function hideField(field: string, value: unknown): unknown {
  if (field === 'messages' && Array.isArray(value)) return value.map(hideMessage);
  return field === 'input' && Array.isArray(value) ? hideInputs(value) : hide(value);
}

function hideMessage(value: unknown): unknown {
  const { success, data: message } = Message.safeParse(value);
  return success ? { role: message.role, content: hide(textOf(message.content)) } : hide(value);
}

/** Of what is to be embedded: hundreds of texts, or thousands of tokens. */
function hideInputs(values: readonly unknown[]): string {
  return `«hidden: a list of ${values.length}»`;
}

function hide(value: unknown): string {
  return typeof value === 'string' ? `«hidden: ${value.length} characters»` : '«hidden»';
}
