/** A text as its features, and the number to be predicted from it. */
export type Observation = { readonly buckets: Uint32Array; readonly values: Float32Array; readonly target: number };

const MOST_STEPS = 25;
/** Of the length of the first gradient: closer makes no difference that could be seen. */
const CLOSE_ENOUGH = 0.01;

/**
 * Ridge regression without an intercept, by conjugate gradients: the weights w that make |Xw - y|^2 + penalty |w|^2 least.
 * `start` is where the search begins; the weights of a neighbouring penalty save steps.
 */
export function fitRidge(
  observations: readonly Observation[],
  size: number,
  penalty: number,
  start: Float64Array = new Float64Array(size),
): Float64Array {
  const weights = start.slice();
  const gradient = downhill(observations, weights, penalty);
  const direction = gradient.slice();
  let length = dot(gradient, gradient);
  const enough = lengthAtZero(observations, size) * CLOSE_ENOUGH ** 2;
  for (let step = 0; step < MOST_STEPS && length > enough; step += 1) {
    const curved = curve(observations, direction, penalty);
    const stride = length / dot(direction, curved);
    for (let index = 0; index < size; index += 1) {
      (weights[index] as number) += stride * (direction[index] as number);
      (gradient[index] as number) -= stride * (curved[index] as number);
    }
    const next = dot(gradient, gradient);
    for (let index = 0; index < size; index += 1) {
      direction[index] = (gradient[index] as number) + (next / length) * (direction[index] as number);
    }
    length = next;
  }
  return weights;
}

export function predictFrom(
  { buckets, values }: Pick<Observation, 'buckets' | 'values'>,
  weights: Float64Array | Float32Array,
): number {
  let sum = 0;
  for (let index = 0; index < buckets.length; index += 1) {
    sum += (weights[buckets[index] as number] as number) * (values[index] as number);
  }
  return sum;
}

/** Half of the negative gradient. */
function downhill(observations: readonly Observation[], weights: Float64Array, penalty: number): Float64Array {
  const result = weights.map((weight) => -penalty * weight);
  for (const observation of observations) {
    addScaled(result, observation, observation.target - predictFrom(observation, weights));
  }
  return result;
}

function lengthAtZero(observations: readonly Observation[], size: number): number {
  const gradient = downhill(observations, new Float64Array(size), 0);
  return dot(gradient, gradient);
}

function curve(observations: readonly Observation[], direction: Float64Array, penalty: number): Float64Array {
  const result = direction.map((part) => penalty * part);
  for (const observation of observations) addScaled(result, observation, predictFrom(observation, direction));
  return result;
}

function addScaled(into: Float64Array, { buckets, values }: Observation, scale: number): void {
  for (let index = 0; index < buckets.length; index += 1) {
    (into[buckets[index] as number] as number) += scale * (values[index] as number);
  }
}

function dot(left: Float64Array, right: Float64Array): number {
  let sum = 0;
  for (let index = 0; index < left.length; index += 1) sum += (left[index] as number) * (right[index] as number);
  return sum;
}
