import { readFileSync, readdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';

/** Imports go down only: a room may import itself and rooms on lower floors, never one beside it. */
const FLOORS: Record<string, number> = {
  domain: 0,
  config: 1,
  router: 1,
  providers: 1,
  store: 1,
  producer: 2,
  workers: 2,
  monitor: 2,
  sim: 2,
  gateway: 3,
  cli: 4,
  // The public API stands at the top of the house, beside the command line.
  'index.ts': 4,
};

/** Each library has its rooms; whatever is not listed may be used everywhere. */
const LIBRARIES: [RegExp, { rooms: string[]; typesIn?: string[] }][] = [
  [/^undici$/, { rooms: ['providers'] }],
  [/^ioredis$/, { rooms: ['store'], typesIn: ['producer', 'workers', 'monitor', 'gateway', 'cli'] }],
  [/^bullmq$/, { rooms: ['producer', 'workers', 'monitor'] }],
  [/^@bull-board\//, { rooms: ['monitor'] }],
  [/^@?fastify(\/|$)/, { rooms: ['monitor', 'gateway'] }],
  [/^bullmq-otel$/, { rooms: ['producer', 'workers'] }],
  [/^@opentelemetry\//, { rooms: ['workers', 'gateway'] }],
  [/^commander$/, { rooms: ['cli'] }],
  [/^yaml$/, { rooms: ['config', 'cli'] }],
  [/^@pydantic\/genai-prices$/, { rooms: ['config'] }],
  [/^eventsource-parser$/, { rooms: ['providers'] }],
  [/^gpt-tokenizer(\/|$)/, { rooms: ['router'] }],
];

const MOST_LINES = 300;

type Import = { from: string; isType: boolean };

function importsOf(source: string): Import[] {
  const statement =
    /^(?:import|export)\s+(type\s)?[^'";]*?\bfrom\s+'([^']+)'|^import\s+'([^']+)'|\bimport\('([^']+)'\)/gm;
  return [...source.matchAll(statement)].map(([, type, from, bare, dynamic]) => ({
    from: from ?? bare ?? dynamic ?? '',
    isType: type !== undefined,
  }));
}

/** What is wrong with one file; `path` is below `src`. */
function violationsOf(path: string, source: string): string[] {
  const [room = ''] = path.split('/');
  const lines = source.split('\n').length - 1;
  const problems = lines > MOST_LINES ? [`${path}: ${lines} lines`] : [];
  if (!(room in FLOORS)) problems.push(`${path}: no room "${room}" in the house`);
  for (const { from, isType } of importsOf(source)) {
    const reason = from.startsWith('.')
      ? wrongNeighbour(room, new URL(from, `file:///${path}`).pathname.slice(1))
      : wrongLibrary(room, from, isType);
    if (reason !== undefined) problems.push(`${path}: imports ${from}: ${reason}`);
  }
  return problems;
}

function wrongNeighbour(room: string, target: string): string | undefined {
  const [other = ''] = target.split('/');
  if (other === room) return undefined;
  if (!(other in FLOORS)) return 'outside of src';
  if (other === 'cli') return 'nothing imports cli';
  if (room === 'sim') return other === 'domain' ? undefined : 'sim stands alone';
  if (other === 'sim' && room !== 'cli') return 'sim stands alone';
  return (FLOORS[other] ?? 0) < (FLOORS[room] ?? 0) ? undefined : 'imports go down only';
}

function wrongLibrary(room: string, name: string, isType: boolean): string | undefined {
  const rule = LIBRARIES.find(([pattern]) => pattern.test(name))?.[1];
  if (!rule || rule.rooms.includes(room) || (isType && rule.typesIn?.includes(room))) return undefined;
  return `belongs in ${rule.rooms.join(', ')}`;
}

const source = new URL('../../src/', import.meta.url);
const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));

describe('the house', () => {
  test('has files in all the rooms that hold it up', () => {
    expect(files.length).toBeGreaterThan(50);
    for (const room of ['domain', 'router', 'providers', 'store', 'producer', 'workers', 'monitor', 'sim']) {
      expect(files.some((file) => file.startsWith(`${room}/`))).toBe(true);
    }
  });

  test('is in order', () => {
    expect(files.flatMap((file) => violationsOf(file, readFileSync(new URL(file, source), 'utf8')))).toEqual([]);
  });
});

describe('the check itself notices', () => {
  test.each([
    ['an import that goes up', 'domain/job.ts', "import { route } from '../router/route.ts';"],
    ['one that goes up for its types alone', 'store/ledger.ts', "import type { Worker } from '../workers/worker.ts';"],
    ['one that goes sideways', 'router/route.ts', "import { createLedger } from '../store/ledger.ts';"],
    ['one between applications', 'workers/worker.ts', "import { Queues } from '../producer/queues.ts';"],
    ['a re-export that goes sideways', 'providers/index.ts', "export { createKeys } from '../store/keys.ts';"],
    [
      'an import of several lines',
      'router/route.ts',
      "import {\n  createLedger,\n  type Ledger,\n} from '../store/ledger.ts';",
    ],
    ['an import for its effect', 'router/route.ts', "import '../store/ledger.ts';"],
    ['a dynamic import', 'router/route.ts', "const { connect } = await import('../store/redis.ts');"],
    ['anything that imports cli', 'index.ts', "export { main } from './cli/main.ts';"],
    ['sim with more than domain', 'sim/server.ts', "import { createProviders } from '../providers/index.ts';"],
    ['an application that imports sim', 'workers/worker.ts', "import { startSim } from '../sim/server.ts';"],
    ['a way out of src', 'domain/job.ts', "import { start } from '../../test/support/harness.ts';"],
    ['undici outside of providers', 'workers/attempt.ts', "import { request } from 'undici';"],
    ['ioredis outside of store', 'workers/pool.ts', "import { Redis } from 'ioredis';"],
    ['its types where they are not needed', 'router/route.ts', "import type { Redis } from 'ioredis';"],
    ['bullmq outside of its rooms', 'store/ledger.ts', "import { Queue } from 'bullmq';"],
    [
      'bull-board outside of monitor',
      'producer/queues.ts',
      "import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';",
    ],
    ['fastify outside of monitor', 'cli/main.ts', "import fastify from 'fastify';"],
    ['yaml outside of config and cli', 'domain/config.ts', "import { parse } from 'yaml';"],
    [
      'a catalogue of prices outside of config',
      'router/catalog.ts',
      "import { calcPrice } from '@pydantic/genai-prices';",
    ],
    ['a tokeniser outside of router', 'workers/attempt.ts', "await import('gpt-tokenizer/encoding/o200k_base');"],
    ['commander outside of cli', 'monitor/server.ts', "import { Command } from 'commander';"],
    ['a file that is too long', 'domain/job.ts', '\n'.repeat(301)],
    ['a room that is not in the plan', 'utils/helpers.ts', ''],
  ])('%s', (_what, path, text) => {
    expect(violationsOf(path, text)).toHaveLength(1);
  });

  test('and leaves alone what is allowed', () => {
    const allowed: [string, string][] = [
      ['workers/attempt.ts', "import { route } from '../router/index.ts';\nimport { z } from 'zod';"],
      ['workers/attempt.ts', "import type { Redis } from 'ioredis';\nimport { Worker } from 'bullmq';"],
      ['router/strategies/cost.ts', "import type { Candidate } from '../candidates.ts';"],
      ['cli/main.ts', "import { startSim } from '../sim/server.ts';\nimport { Command } from 'commander';"],
      ['index.ts', "export { Producer } from './producer/index.ts';"],
    ];
    for (const [path, text] of allowed) expect(violationsOf(path, text)).toEqual([]);
  });
});
