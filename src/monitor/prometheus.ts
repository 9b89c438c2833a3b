/** The text format of Prometheus: https://prometheus.io/docs/instrumenting/exposition_formats/ */
export const CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

export type Labels = Readonly<Record<string, string>>;

/** A metric with all its label sets, ready to be printed. */
export type Family = { render(): string };

type FamilyOptions = {
  name: string;
  help: string;
  /** From the unit in which it is counted to the unit in its name. */
  convert?: (value: number) => number;
};

export type Series = Family & {
  add(labels: Labels, amount?: number): void;
};

/** A counter or a gauge. */
export function createSeries(type: 'counter' | 'gauge', options: FamilyOptions): Series {
  const { name, help, convert = (value) => value } = options;
  const values = new Map<string, number>();
  return {
    add(labels, amount = 1) {
      const key = renderLabels(labels);
      values.set(key, (values.get(key) ?? 0) + amount);
    },
    render() {
      const lines = [...values].map(([labels, value]) => `${name}${labels} ${convert(value)}\n`);
      return renderHead(name, help, type) + lines.join('');
    },
  };
}

export type Histogram = Family & {
  observe(labels: Labels, value: number): void;
};

/** `bounds` are the upper bounds of its buckets, ascending, without infinity. */
export function createHistogram(options: { name: string; help: string; bounds: readonly number[] }): Histogram {
  const { name, help, bounds } = options;
  /** Each bucket without those below it. */
  const rows = new Map<string, { labels: Labels; buckets: number[]; sum: number; count: number }>();

  return {
    observe(labels, value) {
      const key = renderLabels(labels);
      const row = rows.get(key) ?? { labels, buckets: bounds.map(() => 0), sum: 0, count: 0 };
      row.sum += value;
      row.count += 1;
      const index = bounds.findIndex((bound) => value <= bound);
      if (index >= 0) row.buckets[index] = (row.buckets[index] ?? 0) + 1;
      rows.set(key, row);
    },
    render() {
      const lines: string[] = [];
      for (const [key, { labels, buckets, sum, count }] of rows) {
        let below = 0;
        for (const [index, bound] of bounds.entries()) {
          below += buckets[index] ?? 0;
          lines.push(`${name}_bucket${renderLabels({ ...labels, le: String(bound) })} ${below}\n`);
        }
        lines.push(`${name}_bucket${renderLabels({ ...labels, le: '+Inf' })} ${count}\n`);
        lines.push(`${name}_sum${key} ${sum}\n`, `${name}_count${key} ${count}\n`);
      }
      return renderHead(name, help, 'histogram') + lines.join('');
    },
  };
}

/** Lets the first `limit` different values of a label through; later ones are counted together as `other`. */
export function createLabelBound(limit: number): (value: string) => string {
  const known = new Set<string>();
  return (value) => {
    if (known.has(value)) return value;
    if (known.size >= limit) return 'other';
    known.add(value);
    return value;
  };
}

function renderHead(name: string, help: string, type: string): string {
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`;
}

/** Called for every sample that is counted: a stream of millions is folded by it. */
function renderLabels(labels: Labels): string {
  let pairs = '';
  for (const name in labels) pairs += `${pairs === '' ? '' : ','}${name}="${escapeLabel(labels[name] ?? '')}"`;
  return pairs === '' ? '' : `{${pairs}}`;
}

function escapeLabel(value: string): string {
  if (!/[\\"\n]/.test(value)) return value;
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
