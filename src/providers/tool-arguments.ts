/**
 * The arguments of a tool call for APIs that take nothing but an object. What a model once wrote that is none is handed on
 * as the text that it is: broken JSON is no reason to lose a conversation.
 */
export function toArgumentsObject(text: string): object {
  if (text.trim() === '') return {};
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) return parsed;
  } catch {
    // Not JSON at all.
  }
  return { arguments: text };
}
