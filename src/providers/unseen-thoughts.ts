import type { Question } from './provider.ts';

/** Whether a model may think about a question without a word of it. What is thought is paid like what is said. */
export function mayThinkUnseen({ model, request }: Question): boolean {
  const effort = request.parameters.reasoning_effort;
  return effort === undefined ? model.capabilities.has('reasoning') : effort !== 'none';
}
