/** Of a sentence, no more than this is looked at. */
const EXCERPT_CHARS = 512;
const TOKEN_CHARS = 48;
const MOST_PARTS = 5;

/** The words in which APIs complain. A sentence of nothing but these can hold no key, no name and no prompt. */
const VOCABULARY = new Set(
  `a above accept accepted accepts access account additional additionalproperties after again all allow allowed already
  also an and any api are argument arguments array as assistant at authentication available aws balance base64 be because
  been before being below billing body boolean both budget but by bytes call called calls can cannot capacity change
  characters chat check choice completion completions configured connection contact contain contained contains content
  context could count country credit credits currently day deadline decommissioned default deployment deprecated
  description developer did disabled do does doesn duplicate each effort either empty enable enabled end endpoint enough
  enterprise enum error errors exceed exceeded exceeds exist expected expired extra failed false field fields file filter
  filtered finish flagged follow following for form format forbidden found free frequency from function functions given got
  greater has have header higher hour however id if image images in include includes incorrect increase input inputs
  instead insufficient integer internal invalid is isn it items its json key keys large larger later least length less
  limit limited limits list load loaded loading located location long longer longest lower made malformed management many
  max maximum may message messages metadata min minimum minute missing model models modify more must name need needed
  needs negative no not null number object of on one only operation or organization other out output outside over
  overloaded parallel parameter parameters parse part parts payload penalty pending per permission pixels plan please
  policy positive presence prompt properties property provide provided provider quota range rate reached reasoning receive
  received reduce refused region rejected remove request requested requests require required requires resource response
  response_format responses retired retry role s safety schema second seconds seed server service set short should shorter
  size some specified stop stream string strings supplied support supported supports system t temperature temporarily text than that the
  their there these they thinking this tier time timed to token tokens too tool tools top total true try type
  unauthorized unavailable understand unexpected unknown unprocessable unrecognized unsupported up upgrade upstream usage
  use used user uses using valid validate validation value values version was were when which while will window with
  without word would you your`.split(/\s+/),
);
const UNITS = new Set(['tokens', 'seconds', 'characters', 'bytes', 'messages', 'images', 'requests']);
const HIDDEN = '…';

/**
 * The provider's sentence, for `--debug` alone, with all that is not a word of the trade left out; undefined when nothing
 * is left to say. Numbers stay where they count something.
 */
export function excerptOf(sentence: string): string | undefined {
  const tokens = sentence.slice(0, EXCERPT_CHARS).split(/\s+/);
  const shown = tokens.map((token, index) => (isPlain(token, tokens[index + 1]) ? token : HIDDEN));
  if (shown.every((token) => token === HIDDEN)) return undefined;
  return shown.filter((token, index) => token !== HIDDEN || shown[index - 1] !== HIDDEN).join(' ');
}

function isPlain(token: string, next = ''): boolean {
  if (token.length > TOKEN_CHARS) return false;
  const core = coreOf(token);
  if (/^\d{1,9}$/.test(core)) return UNITS.has(coreOf(next));
  const parts = core.split(/[_.'’/-]/);
  return parts.length <= MOST_PARTS && parts.every((part) => VOCABULARY.has(part));
}

/** Without the marks around it. */
function coreOf(token: string): string {
  return token.toLowerCase().replaceAll(/^["'`(,.:;!?]{1,4}|["'`),.:;!?]{1,4}$/g, '');
}
