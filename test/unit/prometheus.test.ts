import { describe, expect, test } from 'vitest';
import { createHistogram, createLabelBound, createSeries } from '../../src/monitor/prometheus.ts';

describe('the text format', () => {
  test('escapes label values', () => {
    const series = createSeries('gauge', { name: 'x', help: 'An x.' });
    series.add({ name: 'a "quoted" \\ path\nand a line' });
    expect(series.render()).toBe('# HELP x An x.\n# TYPE x gauge\nx{name="a \\"quoted\\" \\\\ path\\nand a line"} 1\n');
  });

  test('counts a value on a bound into its bucket', () => {
    const histogram = createHistogram({ name: 'h', help: 'An h.', bounds: [1, 2] });
    for (const value of [1, 1.5, 3]) histogram.observe({}, value);
    expect(histogram.render().split('\n').slice(2, 7)).toEqual([
      'h_bucket{le="1"} 1',
      'h_bucket{le="2"} 2',
      'h_bucket{le="+Inf"} 3',
      'h_sum 5.5',
      'h_count 3',
    ]);
  });

  test('lets known labels through after the bound is reached', () => {
    const bound = createLabelBound(2);
    expect(['a', 'b', 'c', 'a', 'b'].map(bound)).toEqual(['a', 'b', 'other', 'a', 'b']);
  });
});
