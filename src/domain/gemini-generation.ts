/** Whether a model is Gemini 3 or later. Ids without a number (`gemini-flash-latest`) are of the newest kind. */
export function isGemini3OrLater(id: string): boolean {
  return /\bgemini-/i.test(id) && !/\bgemini-[12]\b/i.test(id);
}
