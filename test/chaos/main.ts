import { parseArgs } from 'node:util';
import type { Fault, FaultContext, FaultReport } from './fault.ts';
import { FAULTS } from './faults.ts';
import { writePage } from './page.ts';
import { runPlants } from './plants.ts';
import { tableOf } from './table.ts';

/**
 * `npm run chaos -- [--short] [--json] [--seed N] [--only NAME,...] [--no-plants] [--write]`: does all that harm to real
 * installations, and prints what it did to them; with `--json` one object instead. Exits with 1 when something does not
 * hold.
 */

/** Most of the time they wait: for locks to end, and for processes to start. */
const SIDE_BY_SIDE = 2;

const { values } = parseArgs({
  options: {
    short: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    seed: { type: 'string', default: '1' },
    only: { type: 'string', default: '' },
    'no-plants': { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
  },
});
const context: FaultContext = { seed: seedOf(values.seed), short: values.short };
const faults = faultsNamed(values.only).filter(({ isShort }) => isShort || !values.short || values.only !== '');
// What runs then is ended by the handlers of `exit`.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
let isLittered = false;
// What a scenario leaves behind after its time is over must not cost the table.
process.on('unhandledRejection', (reason) => {
  console.error('left behind by a scenario:', reason);
  isLittered = true;
});

const reports = await runAll(faults);
const plants =
  values['no-plants'] || values.only !== '' ? undefined : await runPlants(context, SIDE_BY_SIDE, console.error);
const ratio = reports.find((report) => report.resume_spend_ratio !== undefined)?.resume_spend_ratio ?? null;

if (values.json) {
  const { caught, of } = plants ?? { caught: 0, of: 0 };
  const faults = reports.map(({ violations: _violations, resume_spend_ratio: _ratio, ...told }) => told);
  console.log(JSON.stringify({ faults, planted: { caught, of }, resume_spend_ratio: ratio, seed: context.seed }));
} else {
  const lines = [tableOf(reports), ''];
  if (plants) lines.push(`planted bugs: ${plants.caught} of ${plants.of} caught`);
  for (const name of plants?.missed ?? []) lines.push(`missed: ${name}`);
  if (ratio !== null) lines.push(`resume spend ratio: ${ratio.toFixed(4)}`);
  lines.push(`seed: ${context.seed}`);
  console.log(lines.join('\n'));
  if (values.write) await writePage(lines.join('\n'), `npm run chaos -- ${process.argv.slice(2).join(' ')}`);
}
const isSound = reports.every(({ ok }) => ok) && (plants?.missed.length ?? 0) === 0 && !isLittered;
// At once: Node may turn for ever over a connection that a fault has left half open.
process.exit(isSound ? 0 : 1);

/** In the order of the list, however they are run: first those that leave the machine to others, then the heavy ones. */
async function runAll(faults: readonly Fault[]): Promise<FaultReport[]> {
  const reports = new Map<string, FaultReport>();
  const runOne = async (fault: Fault): Promise<void> => {
    const startedAt = performance.now();
    const report = await fault.run(context);
    reports.set(fault.name, report);
    const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
    console.error(`${report.ok ? 'ok    ' : 'FAILED'} ${fault.name} (${seconds} s)`);
    // The table has them, too; the object has no room for them.
    if (values.json) for (const violation of report.violations) console.error(`       ${violation}`);
  };
  const light = faults.filter(({ isHeavy }) => !isHeavy).values();
  const runner = async (): Promise<void> => {
    for (const fault of light) await runOne(fault);
  };
  await Promise.all(Array.from({ length: SIDE_BY_SIDE }, runner));
  for (const fault of faults.filter(({ isHeavy }) => isHeavy)) await runOne(fault);
  return faults.flatMap(({ name }) => reports.get(name) ?? []);
}

function faultsNamed(names: string): readonly Fault[] {
  if (names === '') return FAULTS;
  return names.split(',').map((name) => {
    const fault = FAULTS.find((known) => known.name === name);
    if (!fault) fail(`unknown fault "${name}"; known: ${FAULTS.map((known) => known.name).join(', ')}`);
    return fault;
  });
}

function seedOf(text: string): number {
  const seed = Number(text);
  if (!Number.isSafeInteger(seed) || seed < 0) fail(`--seed ${text}: write a whole number`);
  return seed;
}

function fail(message: string): never {
  console.error(message);
  process.exit(2);
}
