import { parseArgs } from 'node:util';
import { inLaboratory } from './laboratory.ts';
import { FULL, measure, PARTS, type Part, QUICK } from './measure.ts';
import { summaryOf, tableOf, writePage } from './report.ts';

/**
 * `npm run bench -- [--quick] [--json] [--only worker|ideal|enqueue|stream|route]`: a table, and for a whole run also
 * `docs/benchmarks.md`; with `--json` one object of medians instead.
 */

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    only: { type: 'string', multiple: true, default: [] },
  },
});

const parts = partsNamed(values.only);
const effort = values.quick ? QUICK : FULL;
const { measured, redisVersion } = await inLaboratory(async (laboratory) => ({
  measured: await measure(laboratory, effort, parts),
  redisVersion: laboratory.redisVersion,
}));
if (values.json) console.log(JSON.stringify(summaryOf(measured)));
else console.log(tableOf(measured));
if (!values.json && !values.quick && parts.length === PARTS.length) await writePage(measured, effort, redisVersion);

function partsNamed(names: readonly string[]): readonly Part[] {
  const unknown = names.find((name) => !PARTS.some((part) => part === name));
  if (unknown !== undefined) {
    console.error(`unknown part "${unknown}"; known: ${PARTS.join(', ')}`);
    process.exit(2);
  }
  return names.length === 0 ? PARTS : PARTS.filter((part) => names.includes(part));
}
