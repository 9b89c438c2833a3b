/**
 * The most similar texts by TF-IDF and cosine, for the baseline of nearest neighbours. All are compared once, and a split
 * keeps those of them that it learns from; that rarity of a word is counted over all texts tells nothing about outcomes.
 */

/** So many neighbours are kept that fifty of them are learned from in a split of 60 %. */
const KEPT = 160;
/** The words that tell most about a text; a long prompt would take as long as all others. */
const MOST_TERMS = 48;
/** Words that more texts have tell little, and take most of the time. */
const MOST_COMMON_SHARE = 0.1;

type Vector = { terms: Int32Array; weights: Float64Array };

/** For each text the numbers of the texts before `candidates` that are most like it, most similar first; not itself. */
export function neighboursOf(texts: readonly string[], candidates = texts.length): (text: number) => Int32Array {
  const vectors = vectorsOf(texts);
  const postings = postingsOf(vectors, Math.min(candidates, texts.length));
  const similarities = new Float32Array(Math.min(candidates, texts.length));
  const known = new Map<number, Int32Array>();
  return (text) => {
    const before = known.get(text);
    if (before !== undefined) return before;
    const found = nearestTo(vectors[text] as Vector, postings, similarities).filter((other) => other !== text);
    known.set(text, found);
    return found;
  };
}

function vectorsOf(texts: readonly string[]): Vector[] {
  const ids = new Map<string, number>();
  const counts = texts.map((text) => {
    const terms = new Map<number, number>();
    for (const word of text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? []) {
      const id = ids.get(word) ?? ids.size;
      if (id === ids.size) ids.set(word, id);
      terms.set(id, (terms.get(id) ?? 0) + 1);
    }
    return terms;
  });
  const textsWith = new Int32Array(ids.size);
  for (const terms of counts) for (const id of terms.keys()) textsWith[id] = (textsWith[id] as number) + 1;
  const rarity = Float64Array.from(textsWith, (count) => Math.log((texts.length + 1) / (count + 1)) + 1);
  return counts.map((terms) => {
    const told = [...terms]
      .filter(([id]) => (textsWith[id] as number) <= Math.max(2, texts.length * MOST_COMMON_SHARE))
      .map(([id, count]) => ({ id, weight: (1 + Math.log(count)) * (rarity[id] as number) }))
      .toSorted((left, right) => right.weight - left.weight || left.id - right.id)
      .slice(0, MOST_TERMS);
    const length = Math.hypot(...told.map(({ weight }) => weight)) || 1;
    return {
      terms: Int32Array.from(told, ({ id }) => id),
      weights: Float64Array.from(told, ({ weight }) => weight / length),
    };
  });
}

type Postings = Map<number, { texts: number[]; weights: number[] }>;

function postingsOf(vectors: readonly Vector[], candidates: number): Postings {
  const postings: Postings = new Map();
  vectors.slice(0, candidates).forEach(({ terms, weights }, text) => {
    terms.forEach((term, index) => {
      const posting = postings.get(term) ?? { texts: [], weights: [] };
      posting.texts.push(text);
      posting.weights.push(weights[index] as number);
      postings.set(term, posting);
    });
  });
  return postings;
}

function nearestTo({ terms, weights }: Vector, postings: Postings, similarities: Float32Array): Int32Array {
  similarities.fill(0);
  terms.forEach((term, index) => {
    const posting = postings.get(term);
    if (posting === undefined) return;
    const weight = weights[index] as number;
    for (let place = 0; place < posting.texts.length; place += 1) {
      const text = posting.texts[place] as number;
      similarities[text] = (similarities[text] as number) + weight * (posting.weights[place] as number);
    }
  });
  // One more than are kept: the text itself may be among them.
  const least = similarities.toSorted()[Math.max(0, similarities.length - KEPT - 1)] ?? 0;
  const nearest: number[] = [];
  for (let text = 0; text < similarities.length; text += 1) {
    const similarity = similarities[text] as number;
    if (similarity > 0 && similarity >= least) nearest.push(text);
  }
  nearest.sort((left, right) => (similarities[right] as number) - (similarities[left] as number) || left - right);
  return Int32Array.from(nearest.slice(0, KEPT + 1));
}
