import { setTimeout as pause } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, expect, inject, test } from 'vitest';
import type { GateClaim } from '../../src/domain/gate.ts';
import { type Ledger, createLedger } from '../../src/store/ledger.ts';
import { type GateLaboratory, openGates } from '../support/gate-steps.ts';
import { admitRequest, failedAttempt, gateReport } from '../support/ledger-steps.ts';

const WORKERS = 4;

let runs = 0;

let gates: GateLaboratory;
let connections: Redis[];
let workers: Ledger[];
beforeEach(() => {
  gates = openGates();
  connections = Array.from({ length: WORKERS }, () => new Redis(inject('redisSocket')));
  workers = connections.map((redis) => createLedger(redis, gates.keys, { resultTtlMs: 60_000 }));
});
afterEach(async () => {
  for (const redis of connections) redis.disconnect();
  await gates.close();
});

type Log = { admittedAtMs: number[]; turnedAway: number };

/** Many jobs at once, of all workers: each comes when it is told to, and does its call, until the time is over. */
async function run(jobs: number, durationMs: number, claim: Partial<GateClaim>, callMs: number): Promise<Log> {
  runs += 1;
  const name = `run-${runs}`;
  const began = performance.now();
  const log: Log = { admittedAtMs: [], turnedAway: 0 };
  const live = async (number: number): Promise<void> => {
    const worker = workers[number % WORKERS];
    if (!worker) return;
    for (let start = 1; ; start += 1) {
      const step = { job: `${name}-${number}`, start };
      const request = admitRequest({ ...step, hold: 1, gates: { ...claim, isReturning: start > 1 } });
      const admission = await worker.admit(request);
      const now = performance.now() - began;
      if (admission.kind === 'admitted') {
        if (now <= durationMs) log.admittedAtMs.push(now);
        if (callMs > 0) await pause(callMs);
        return void (await worker.settle(
          failedAttempt({ ...step, cost: 0, gate: gateReport('answered', { tokens: 100 }) }),
        ));
      }
      if (admission.kind !== 'gated') throw new Error(admission.kind);
      if (now <= durationMs) log.turnedAway += 1;
      if (now + admission.delayMs > durationMs) return;
      await pause(admission.delayMs);
    }
  };
  await Promise.all(Array.from({ length: jobs }, (_, number) => live(number)));
  return log;
}

test('a thousand jobs of four workers use a limit up and do not exceed it, and each is put back about once', async () => {
  const { admittedAtMs, turnedAway } = await run(1_000, 3_000, { modelLimits: { requests_per_minute: 6_000 } }, 0);
  // At first there is a burst of half a second; then 100 a second.
  const steady = admittedAtMs.filter((atMs) => atMs > 500).length;
  expect(steady).toBeGreaterThan(0.95 * 250);
  expect(steady).toBeLessThan(1.01 * 250);
  expect(turnedAway).toBeLessThan(1_000 * 1.05);
});

test('likewise for tokens, of which calls use a tenth of what was expected', async () => {
  const claim = { modelLimits: { tokens_per_minute: 600_000 }, tokens: 1_000 };
  for (let count = 0; count < 20; count += 1) {
    await gates.leave(await gates.enter({ ...claim, isReturning: true }), 'answered', { tokens: 100 });
    await gates.passTime(1_000);
  }
  const { admittedAtMs, turnedAway } = await run(1_000, 3_000, claim, 20);
  const steady = admittedAtMs.filter((atMs) => atMs > 500).length;
  expect(steady).toBeGreaterThan(0.93 * 250);
  expect(steady).toBeLessThan(1.03 * 250);
  expect(turnedAway).toBeLessThan(1_000 * 1.1);
});

test('where only so many calls may be under way, hardly a place stays empty', async () => {
  const claim = { modelLimits: { concurrency: 10 } };
  const { admittedAtMs: first } = await run(10, 200, claim, 100);
  expect(first).toHaveLength(10);
  const { admittedAtMs, turnedAway } = await run(400, 3_000, claim, 100);
  // Ten at a time, a tenth of a second each, and what a timer comes late.
  expect(admittedAtMs.length).toBeGreaterThan(0.75 * 300);
  expect(admittedAtMs.length).toBeLessThanOrEqual(310);
  expect(turnedAway).toBeLessThan(400 * 3);
});

test('those who go first are let in before hundreds of others, and the limit holds for all', async () => {
  const claim = { modelLimits: { requests_per_minute: 6_000 } };
  const [others, first] = await Promise.all([
    run(600, 2_000, claim, 0),
    run(60, 2_000, { ...claim, goesFirst: true }, 0),
  ]);
  expect(first.admittedAtMs).toHaveLength(60);
  expect(Math.max(...first.admittedAtMs)).toBeLessThan(1_200);
  const steady = [...others.admittedAtMs, ...first.admittedAtMs].filter((atMs) => atMs > 500).length;
  expect(steady).toBeGreaterThan(0.93 * 150);
  expect(steady).toBeLessThan(1.02 * 150);
});
