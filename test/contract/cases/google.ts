import type { DialectCases } from './case.ts';
import { ANSWERING } from './google-answers.ts';
import { ASKING } from './google-asking.ts';
import { MODEL_ID } from './google-wire.ts';

/** https://ai.google.dev/api/generate-content */
export const googleCases: DialectCases = {
  provider: { kind: 'google' },
  modelId: MODEL_ID,
  cases: [...ANSWERING, ...ASKING],
};
