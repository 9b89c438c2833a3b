/** One text: the buckets of its features, their weights, and the class that it is of. */
export type Example = { readonly buckets: Uint32Array; readonly values: Float32Array; readonly label: number };

/** A linear model of classes: `weights` has a row of `classes` numbers a bucket. */
export type Regression = { readonly classes: number; readonly bias: Float64Array; readonly weights: Float32Array };

const EPOCHS = 8;
const STEP = 0.3;
const BIAS_STEP = 0.03;

/** Classes that an example hardly moves are left alone: with many classes that is nearly all of them. */
const LEAST_ERROR = 0.01;

/**
 * Multinomial logistic regression by AdaGrad (Duchi, Hazan, Singer 2011), an example at a time, with steps that shrink to
 * nothing; starting from 0 and stopping early is what keeps the weights small. The same examples give the same weights.
 */
export function fitRegression(examples: readonly Example[], classes: number, bucketCount: number): Regression {
  const bias = new Float64Array(classes);
  const weights = new Float32Array(bucketCount * classes);
  const biasSquares = new Float64Array(classes).fill(1e-8);
  const squares = new Float32Array(bucketCount * classes).fill(1e-8);
  const regression = { classes, bias, weights };
  const scores = new Float64Array(classes);
  const moved = new Uint32Array(classes);
  const order = Uint32Array.from(examples, (_, index) => index);
  const random = randomNumbers();

  for (let epoch = 0; epoch < EPOCHS; epoch += 1) {
    shuffle(order, random);
    const step = STEP * (1 - epoch / EPOCHS);
    for (const index of order) learn(examples[index] as Example, step);
  }
  return regression;

  function learn(example: Example, step: number): void {
    const { buckets, values, label } = example;
    scoreClasses(regression, example, scores);
    softmax(scores);
    (scores[label] as number) -= 1;
    let count = 0;
    for (let index = 0; index < classes; index += 1) {
      const error = scores[index] as number;
      if (Math.abs(error) < LEAST_ERROR) continue;
      moved[count] = index;
      count += 1;
      (biasSquares[index] as number) += error * error;
      (bias[index] as number) -= (step * (BIAS_STEP / STEP) * error) / Math.sqrt(biasSquares[index] as number);
    }
    for (let feature = 0; feature < buckets.length; feature += 1) {
      const row = (buckets[feature] as number) * classes;
      const value = values[feature] as number;
      for (let place = 0; place < count; place += 1) {
        const index = moved[place] as number;
        const gradient = (scores[index] as number) * value;
        const sum = (squares[row + index] as number) + gradient * gradient;
        squares[row + index] = sum;
        (weights[row + index] as number) -= (step * gradient) / Math.sqrt(sum);
      }
    }
  }
}

/** Writes the score (a logit) of each class into `scores`. */
export function scoreClasses(
  { classes, bias, weights }: Regression,
  { buckets, values }: Pick<Example, 'buckets' | 'values'>,
  scores: Float64Array,
): void {
  scores.set(bias);
  for (let feature = 0; feature < buckets.length; feature += 1) {
    const row = (buckets[feature] as number) * classes;
    const value = values[feature] as number;
    for (let index = 0; index < classes; index += 1) {
      (scores[index] as number) += (weights[row + index] as number) * value;
    }
  }
}

/** Turns scores into probabilities, in place. */
export function softmax(scores: Float64Array): void {
  let highest = -Infinity;
  for (const score of scores) if (score > highest) highest = score;
  let sum = 0;
  for (let index = 0; index < scores.length; index += 1) {
    const part = Math.exp((scores[index] as number) - highest);
    scores[index] = part;
    sum += part;
  }
  for (let index = 0; index < scores.length; index += 1) (scores[index] as number) /= sum;
}

/** The same every time: a model must not depend on when it was trained. A linear congruential generator is enough to shuffle. */
function randomNumbers(): () => number {
  let state = 1;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

function shuffle(order: Uint32Array, random: () => number): void {
  for (let last = order.length - 1; last > 0; last -= 1) {
    const other = Math.floor(random() * (last + 1));
    const kept = order[last] as number;
    order[last] = order[other] as number;
    order[other] = kept;
  }
}
