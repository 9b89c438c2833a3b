/**
 * Whether a text declines what was asked, told by how it begins. Most refusals of today's models begin like this, in
 * English; those that explain themselves first, and those in other languages, are not seen. A text that is asked to begin
 * so (a letter of excuse) is taken for one: nothing is checked for refusals unless somebody asked for it.
 */

/** What may come before: `I'm sorry, but`, `As an AI language model,`. Peeled off one after the other. */
const PREFACES = [
  /^(?:i am )?(?:so |very |really )?sorry[,.!]?(?: but)? /,
  /^i apologi[sz]e[,.!]?(?: but)? /,
  /^my apologies[,.!]?(?: but)? /,
  /^unfortunately,? /,
  /^as an ai(?: [a-z]+){0,3}, /,
];

const DECLINES = [
  'i cannot',
  'i am unable to',
  'i am not able to',
  'i will not be able to',
  'i will not',
  'i must decline',
  'i have to decline',
  'i am not comfortable',
];

/** `I cannot find a mistake` and `I cannot help but agree` are answers. */
const OF_WHAT =
  /^ (?:to |with )?(?:help(?!(?:ing)? but\b)|assist|comply|fulfil|provid|do(?:ing)? (?:that|this)|engag|participat|creat|generat|produc|writ|discuss|shar|support|continu|answer(?:ing)? (?:that|this)|respond(?:ing)? to (?:that|this))/;

/** Declining needs no object: `I must decline.` */
const OUTRIGHT = new Set(['i must decline', 'i have to decline']);

const LONGEST_OPENING = 200;

export function soundsLikeRefusal(text: string): boolean {
  let opening = text
    .trimStart()
    .slice(0, LONGEST_OPENING)
    .toLowerCase()
    .replaceAll('\u2019', "'")
    .replaceAll("can't", 'cannot')
    .replaceAll('can not', 'cannot')
    .replaceAll("won't", 'will not')
    .replaceAll("i'm", 'i am')
    .replace(/\s+/g, ' ');
  for (const preface of PREFACES) opening = opening.replace(preface, '');
  const declined = DECLINES.find((words) => opening.startsWith(words));
  if (declined === undefined) return false;
  return OUTRIGHT.has(declined) || OF_WHAT.test(opening.slice(declined.length));
}
