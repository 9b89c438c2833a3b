/**
 * What a model takes in a request. Anthropic's generations differ in what they answer with a 400, and the model's id is all
 * that tells them apart (https://platform.claude.com/docs/en/build-with-claude/thinking and the migration guides).
 */
export type ModelHabits = {
  /** Of temperature and top_p: both, one at a time, or neither. */
  sampling: 'both' | 'one' | 'neither';
  /** Thinking is asked for with a budget of tokens, or with an effort. */
  thinking: 'budget' | 'effort';
  /** How it is kept from thinking: by saying nothing, by a word for it; `never` where that cannot be. */
  thinkingOff: 'unsaid' | 'disabled' | 'between_tools' | 'never';
  highestEffort: 'high' | 'xhigh';
  forcedTools: boolean;
  /** Whether its answer can be bound to a schema. */
  structuredOutputs: boolean;
};

/** Somebody else's model behind the same API: what has been in it for longest is what such servers know. */
const OF_OTHERS: ModelHabits = {
  sampling: 'both',
  thinking: 'budget',
  thinkingOff: 'unsaid',
  highestEffort: 'high',
  forcedTools: true,
  structuredOutputs: false,
};

/** `claude-opus-5-5`, `claude-sonnet-4-20250514`, `claude-3-7-sonnet-20250219`; a date is no minor version. */
const CLAUDE = /claude-(?:(opus|sonnet|haiku|fable|mythos)-)?(?:(\d)(?:[-.](\d{1,2}))?(?!\d))?/;

/** From this version on the API itself takes no words about sampling (https://platform.claude.com/docs/en/api/versioning). */
const NO_SAMPLING_SINCE = '2026-10-21';

export function habitsOf(modelId: string, apiVersion: string): ModelHabits {
  const habits = habitsOfModel(modelId);
  return apiVersion < NO_SAMPLING_SINCE ? habits : { ...habits, sampling: 'neither' };
}

/** Whether it can be made to call a tool. */
export function takesForcedTools(modelId: string): boolean {
  return habitsOfModel(modelId).forcedTools;
}

function habitsOfModel(modelId: string): ModelHabits {
  const name = CLAUDE.exec(modelId);
  if (name === null) return OF_OTHERS;
  const [, family, major, minor = '0'] = name;
  // A name without a number has been given to previews of what is new.
  const version = major === undefined ? Infinity : Number(major) * 100 + Number(minor);
  return {
    sampling: version >= 407 ? 'neither' : version >= 401 ? 'one' : 'both',
    thinking: version >= 406 ? 'effort' : 'budget',
    thinkingOff: thinkingOffOf(family, version),
    highestEffort: version >= 407 ? 'xhigh' : 'high',
    forcedTools: version < forcedToolsEndOf(family),
    structuredOutputs: version >= 405,
  };
}

function thinkingOffOf(family: string | undefined, version: number): ModelHabits['thinkingOff'] {
  if (version < 500) return 'unsaid';
  if (family === 'fable' || family === 'mythos') return 'never';
  if (version < 505 || family === 'haiku') return 'disabled';
  return family === 'sonnet' ? 'between_tools' : 'never';
}

function forcedToolsEndOf(family: string | undefined): number {
  if (family === 'haiku') return Infinity;
  return family === 'fable' || family === 'mythos' ? 501 : 505;
}
