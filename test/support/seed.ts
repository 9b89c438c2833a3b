import * as fc from 'fast-check';

// The same runs every time, so that a build that failed fails again and one that passed passes again. To look for what
// these runs miss, give other seeds: `SLUICE_SEED=random npm test`, or a number.
const SEED = 20_261_122;

const wanted = process.env['SLUICE_SEED'];
if (wanted !== 'random') fc.configureGlobal({ seed: wanted === undefined ? SEED : Number(wanted) });
