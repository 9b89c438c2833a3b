import type { z } from 'zod';
import { Config, type ConfigShape } from '../../src/domain/config.ts';
import type { Knowledge, RouteQuestion } from '../../src/router/index.ts';

type ConfigInput = z.input<typeof ConfigShape>;
export type ModelInput = ConfigInput['models'][string];

export const NOW = Date.UTC(2026, 10, 22, 12);

/** A small one, a middling one that sees, a large one; 128k context each. Prices in USD per million tokens. */
export const MODELS: Record<string, ModelInput> = {
  nano: {
    provider: 'east',
    id: 'vendor/nano',
    price: { input: 0.1, output: 0.4 },
    tier: 'small',
    scores: { coding: 0.4, default: 0.5 },
    latency: { p50: '400ms', p95: '900ms' },
    capabilities: ['json'],
  },
  mid: {
    provider: 'west',
    id: 'vendor/mid',
    price: { input: 1, output: 4 },
    tier: 'medium',
    scores: { coding: 0.7, default: 0.6 },
    latency: { p50: '300ms', p95: '2s' },
    capabilities: ['json', 'tools', 'vision'],
  },
  big: {
    provider: 'east',
    id: 'vendor/big',
    price: { input: 10, output: 40 },
    tier: 'large',
    scores: { coding: 0.9 },
    latency: { p50: '3s', p95: '9s' },
    capabilities: ['json', 'tools'],
  },
};

export function configOf(changes: Partial<ConfigInput> = {}): Config {
  return Config.parse({
    providers: { east: { base_url: 'https://east.test/v1' }, west: { base_url: 'https://west.test/v1' } },
    models: MODELS,
    tasks: { coding: {} },
    ...changes,
  });
}

export function questionWith(changes: Partial<RouteQuestion> = {}): RouteQuestion {
  return {
    task: 'coding',
    needs: [],
    features: [],
    inputTokens: { expected: 500, bound: 1_000 },
    maxTokens: 1_000,
    unit: 'user-1',
    tried: [],
    ...changes,
  };
}

export function knowledgeWith(changes: Partial<Knowledge> = {}): Knowledge {
  return { now: NOW, random: () => 0.5, latencies: new Map(), benchedUntil: new Map(), ...changes };
}

/** Repeatable chance (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
