/** What has an id, in the words of the API. */
export type ApiObject = { id: string; [field: string]: unknown };

/** A page of objects, as OpenAI's clients turn it. */
export function toList(data: readonly ApiObject[], hasMore: boolean): object {
  return { object: 'list', data, first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null, has_more: hasMore };
}
