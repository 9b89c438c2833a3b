import { CircuitConfig } from '../../src/domain/config.ts';
import type { GateClaim, GateReport } from '../../src/domain/gate.ts';
import type { RateLimits } from '../../src/domain/provider-config.ts';
import { type GateStatus, readGates } from '../../src/store/gates/read.ts';
import { type Admission, createLedger } from '../../src/store/ledger.ts';
import { type Stores, openStores } from './harness.ts';
import { admitRequest, failedAttempt, gateReport } from './ledger-steps.ts';

/** The gates of the model `small` with one key, unless a test names others. */
export const CIRCUIT = 'alpha|sim/small';
export const KEY = 'alpha#default';
export const PAIR = 'alpha#default|sim/small';

type Gated = Extract<Admission, { kind: 'gated' }>;
type UsedUp = Extract<Gated, { reason: 'caller' }>;

export type GateLaboratory = Stores & {
  /** A new job comes to the gates. */
  come: (claim?: Partial<GateClaim>) => Promise<{ job: string; admission: Admission }>;
  /** The same, for one that must be let in; returns its id. */
  enter: (claim?: Partial<GateClaim>) => Promise<string>;
  /** The same, for one that must be turned away from its model. */
  wait: (claim?: Partial<GateClaim>) => Promise<Exclude<Gated, UsedUp>>;
  /** The same, for one whose caller must have used a limit up. */
  waitForLimit: (claim: Partial<GateClaim>) => Promise<UsedUp>;
  /** The job's call has ended; the job itself goes on. */
  leave: (job: string, verdict: GateReport['verdict'], more?: Partial<GateReport>) => Promise<void>;
  /** Nothing is ever heard of the call. */
  writeOff: (job: string) => Promise<void>;
  gate: (name: string) => Promise<GateStatus | undefined>;
  /** A gate as it lies in Redis, its numbers as numbers. */
  state: (name: string) => Promise<Record<string, number>>;
  /** What choosers of models are told, by gate. */
  announced: () => Promise<Record<string, { inMs: number; reason: string; code: string }>>;
  /** As if so much time had passed: every time that is kept is moved into the past. */
  passTime: (byMs: number) => Promise<void>;
};

export function keyNamed(name: string, limits: RateLimits = {}): GateClaim['keys'][number] {
  return { name, gate: name, limits };
}

export function openGates(circuit: Partial<CircuitConfig> = {}): GateLaboratory {
  const stores = openStores();
  const ledger = createLedger(stores.redis, stores.keys, {
    resultTtlMs: 86_400_000,
    circuit: { ...CircuitConfig.parse({}), ...circuit },
  });
  let jobs = 0;
  const come: GateLaboratory['come'] = async (gates = {}) => {
    jobs += 1;
    const job = `job-${jobs}`;
    return { job, admission: await ledger.admit(admitRequest({ job, hold: 1, gates })) };
  };
  return {
    ...stores,
    ledger,
    come,
    enter: async (gates) => {
      const { job, admission } = await come(gates);
      if (admission.kind !== 'admitted') throw new Error(`not let in: ${JSON.stringify(admission)}`);
      return job;
    },
    wait: async (gates) => {
      const { admission } = await come(gates);
      if (admission.kind === 'gated' && admission.reason !== 'caller') return admission;
      throw new Error(`not turned away: ${JSON.stringify(admission)}`);
    },
    waitForLimit: async (gates) => {
      const { admission } = await come(gates);
      if (admission.kind === 'gated' && admission.reason === 'caller') return admission;
      throw new Error(`not turned away by a limit: ${JSON.stringify(admission)}`);
    },
    leave: async (job, verdict, more) => {
      await ledger.settle(failedAttempt({ job, cost: 0, gate: gateReport(verdict, more) }));
    },
    writeOff: async (job) => {
      await ledger.markSent(job, `${job}:1`);
      await ledger.history(job, `${job}:2`);
    },
    gate: async (name) => (await readGates(stores.redis, stores.keys)).find((gate) => gate.name === name),
    state: async (name) => {
      const fields = Object.entries(await stores.redis.hgetall(stores.keys.gate(name)));
      return Object.fromEntries(fields.map(([field, value]) => [field, Number(value)]));
    },
    announced: () => readAnnounced(stores),
    passTime: (byMs) => passTime(stores, byMs),
  };
}

async function readAnnounced({ redis, keys }: Stores): ReturnType<GateLaboratory['announced']> {
  const [closed, [seconds]] = await Promise.all([redis.hgetall(keys.closedGates), redis.time()]);
  return Object.fromEntries(
    Object.entries(closed).map(([name, entry]) => {
      const [untilMs, , reason = '', code = ''] = entry.split(':');
      return [name, { inMs: Number(untilMs) - Number(seconds) * 1_000, reason, code }];
    }),
  );
}

const TIME = /(?:_at|_until|_since|_turn|^renewed)$/;

async function passTime({ redis, keys }: Stores, byMs: number): Promise<void> {
  for (const key of await redis.keys(keys.gate('*'))) {
    for (const [field, value] of Object.entries(await redis.hgetall(key))) {
      if (TIME.test(field)) await redis.hset(key, field, String(Number(value) - byMs));
    }
  }
  for (const [name, entry] of Object.entries(await redis.hgetall(keys.closedGates))) {
    const [untilMs, sinceMs, ...rest] = entry.split(':');
    const moved = [Number(untilMs) - byMs, Number(sinceMs) - byMs, ...rest];
    await redis.hset(keys.closedGates, name, moved.join(':'));
  }
  for (const [job, entry] of Object.entries(await redis.hgetall(keys.open))) {
    const lines = entry.split('\n');
    const passage = lines[3]?.split('\t') ?? [];
    passage[2] = String(Number(passage[2]) - byMs);
    lines[3] = passage.join('\t');
    await redis.hset(keys.open, job, lines.join('\n'));
  }
}
