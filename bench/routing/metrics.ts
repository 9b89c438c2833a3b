/**
 * The measures of routers. AIQ and the zero router: RouterBench (arXiv 2403.12031, `evaluation/AIQ.py`). PGR, APGR and
 * CPT: RouteLLM (arXiv 2406.18665).
 */

/** What a way of choosing costs, and how good its answers are: one point for each trade-off. */
export type Point = { cost: number; accuracy: number };

/** The upper convex hull of the points up to the best of them: what can be had by mixing them. Ascending in both. */
export function hullOf(points: readonly Point[]): Point[] {
  const ordered = points.toSorted((left, right) => left.cost - right.cost || right.accuracy - left.accuracy);
  const hull: Point[] = [];
  for (const point of ordered) {
    const last = hull.at(-1);
    if (last !== undefined && point.accuracy <= last.accuracy) continue;
    while (hull.length >= 2 && liesBelow(hull.at(-1) as Point, hull.at(-2) as Point, point)) hull.pop();
    hull.push(point);
  }
  return hull;
}

function liesBelow(point: Point, left: Point, right: Point): boolean {
  const slope = (right.accuracy - left.accuracy) / (right.cost - left.cost);
  return point.accuracy <= left.accuracy + slope * (point.cost - left.cost);
}

/**
 * Average improvement in quality: the mean height of the hull between two costs. Beyond its dearest point it goes on level;
 * short of its cheapest one there is nothing to be had, so the points should hold the cheapest model's own.
 */
export function aiqOf(points: readonly Point[], range: { from: number; to: number }): number {
  const hull = hullOf(points);
  const last = hull.at(-1);
  if (last === undefined || range.to <= range.from) return Number.NaN;
  const corners = last.cost < range.to ? [...hull, { cost: range.to, accuracy: last.accuracy }] : hull;
  let area = 0;
  for (let index = 1; index < corners.length; index += 1) {
    area += areaBetween(corners[index - 1] as Point, corners[index] as Point, range);
  }
  return area / (range.to - range.from);
}

function areaBetween(left: Point, right: Point, { from, to }: { from: number; to: number }): number {
  const start = Math.max(left.cost, from);
  const end = Math.min(right.cost, to);
  if (end <= start) return 0;
  const slope = (right.accuracy - left.accuracy) / (right.cost - left.cost);
  const middle = (start + end) / 2;
  return (end - start) * (left.accuracy + slope * (middle - left.cost));
}

/** One prompt for two models: their scores, and how much better the router thinks that the strong one will do. */
export type Gain = { predicted: number; weak: number; strong: number };

/** Share of the calls that go to the strong model (0..1), and the part of the way from weak to strong that is gained. */
export type CallPoint = { share: number; gained: number };

/** Strong calls go first to the prompts that gain most. Prompts with the same prediction go together, in any order. */
export function callCurveOf(gains: readonly Gain[]): CallPoint[] {
  const total = gains.reduce((sum, { weak, strong }) => sum + strong - weak, 0);
  const groups = Map.groupBy(
    gains.toSorted((left, right) => right.predicted - left.predicted),
    ({ predicted }) => predicted,
  );
  let calls = 0;
  let gained = 0;
  const curve: CallPoint[] = [{ share: 0, gained: 0 }];
  for (const group of groups.values()) {
    calls += group.length;
    gained += group.reduce((sum, { weak, strong }) => sum + strong - weak, 0);
    curve.push({ share: calls / gains.length, gained: gained / total });
  }
  return curve;
}

/** Average performance gap recovered: the area under the curve; 0.5 for chance. */
export function apgrOf(curve: readonly CallPoint[]): number {
  let area = 0;
  for (let index = 1; index < curve.length; index += 1) {
    const left = curve[index - 1] as CallPoint;
    const right = curve[index] as CallPoint;
    area += ((right.share - left.share) * (left.gained + right.gained)) / 2;
  }
  return area;
}

/** Call-performance threshold: the least share of strong calls by which that part of the gap is recovered. */
export function cptOf(curve: readonly CallPoint[], gained: number): number {
  for (let index = 1; index < curve.length; index += 1) {
    const left = curve[index - 1] as CallPoint;
    const right = curve[index] as CallPoint;
    if (right.gained < gained) continue;
    if (left.gained >= gained) return left.share;
    return left.share + ((gained - left.gained) / (right.gained - left.gained)) * (right.share - left.share);
  }
  return 1;
}

export function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Of a sample; 0 for a single value. */
export function deviationOf(values: readonly number[]): number {
  if (values.length < 2) return 0;
  const mean = meanOf(values);
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1));
}

/** The nearest rank. */
export function percentileOf(values: Iterable<number>, share: number): number {
  const ordered = Float64Array.from(values).sort();
  return ordered[Math.min(ordered.length - 1, Math.floor(ordered.length * share))] ?? Number.NaN;
}
