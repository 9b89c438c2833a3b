import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fastify } from 'fastify';
import OpenAI from 'openai';
import { pino } from 'pino';
import { afterEach } from 'vitest';
import { type BatchDriver, createBatchDriver } from '../../src/gateway/batches/driver.ts';
import { addBatches } from '../../src/gateway/batches/routes.ts';
import type { Caller } from '../../src/gateway/caller.ts';
import { createDoor } from '../../src/gateway/door.ts';
import { openAiErrorBody } from '../../src/gateway/error-reply.ts';
import { toApiError } from '../../src/gateway/failures.ts';
import { addFiles } from '../../src/gateway/files/routes.ts';
import type { VisitTools } from '../../src/gateway/visits.ts';
import { Batches } from '../../src/producer/index.ts';
import { type Harness, type HarnessOptions, until, useHarness } from './harness.ts';

/** An order's face, as the SDK gives it, with what is ours. */
export type Batch = OpenAI.Batch & { results?: OutputLine[] };
export type OutputLine = {
  custom_id: string;
  response: { status_code: number; request_id: string; body: Record<string, never> } | null;
  error: { code: string; message: string } | null;
  x_sluice?: { model?: string; task: string | null; attempts: object[] };
};

export type BatchGateway = Harness & {
  tools: VisitTools;
  /** Speaks for this account, by the name of its key. */
  client: (account?: string) => OpenAI;
  url: string;
  folder: string;
  /** Moves the gateway's clock. */
  forward: (ms: number) => void;
  startDriver: (options?: { leaseMs?: number }) => BatchDriver;
  upload: (lines: readonly unknown[]) => Promise<OpenAI.FileObject>;
  /** Waits for a status. */
  untilStatus: (id: string, status: Batch['status']) => Promise<Batch>;
  linesOf: (fileId: string | undefined) => Promise<OutputLine[]>;
  filesOnDisk: () => Promise<string[]>;
};

/** Files and batches over HTTP on top of an installation in miniature, with a clock of its own. */
export function useBatchGateway(): (
  options?: HarnessOptions & { caller?: Partial<Caller>; driver?: boolean },
) => Promise<BatchGateway> {
  const closers: (() => Promise<void>)[] = [];
  const open = useHarness();
  afterEach(async () => {
    for (const close of closers.splice(0).toReversed()) await close();
  });
  return async ({ caller = {}, driver = true, ...options } = {}) => {
    const harness = await open(options);
    const folder = await mkdtemp(join(tmpdir(), 'sluice-files-'));
    const { config, target, redis, keys, producer } = harness;
    let aheadMs = 0;
    const batches = new Batches({ config, redis: target });
    const logger = pino({ level: process.env['GATEWAY_LOG'] ?? 'silent' });
    const now = (): number => Date.now() + aheadMs;
    const base = { config, folder, target, redis, keys, producer, batches, logger, now };
    const tools = { ...base, door: createDoor(base) };
    const { app, url } = await startApp(tools, caller);
    closers.push(async () => {
      await app.close();
      await batches.close();
      await rm(folder, { recursive: true, force: true });
    });
    const startDriver: BatchGateway['startDriver'] = (own = {}) => {
      const started = createBatchDriver(tools, { pollMs: 10, ...own });
      started.start();
      closers.push(() => started.stop());
      return started;
    };
    if (driver) startDriver();
    const client = (account = 'default'): OpenAI =>
      new OpenAI({ baseURL: `${url}/v1`, apiKey: account, maxRetries: 0, webhookSecret: null });
    return {
      ...harness,
      tools,
      client,
      url,
      folder,
      forward: (ms) => void (aheadMs += ms),
      startDriver,
      upload: (lines) => client().files.create({ file: jsonl(lines), purpose: 'batch' }),
      untilStatus: (id, status) => {
        const look = async (): Promise<Batch | undefined> => {
          const batch: Batch = await client().batches.retrieve(id);
          return batch.status === status ? batch : undefined;
        };
        return until(`batch ${status}`, look, 20_000);
      },
      linesOf: async (fileId) => {
        if (!fileId) return [];
        const text = await (await client().files.content(fileId)).text();
        return text
          .trimEnd()
          .split('\n')
          .map((line) => JSON.parse(line) as OutputLine);
      },
      filesOnDisk: () => readdir(join(folder, config.gateway.files.folder)).catch(() => []),
    };
  };
}

async function startApp(tools: VisitTools, caller: Partial<Caller>) {
  const app = fastify({ bodyLimit: tools.config.gateway.body_limit_bytes, forceCloseConnections: true });
  app.addHook('onRequest', async (request) => {
    request.caller = { account: request.headers.authorization?.slice('Bearer '.length) ?? 'default', ...caller };
  });
  app.setErrorHandler((thrown, _request, reply) => {
    const error = toApiError(thrown);
    if (error.status >= 500) tools.logger.error(thrown);
    return reply.code(error.status).send(openAiErrorBody(error));
  });
  addFiles(app, tools);
  addBatches(app, tools);
  return { app, url: await app.listen({ host: '127.0.0.1', port: 0 }) };
}

export function jsonl(lines: readonly unknown[], name = 'rows.jsonl'): File {
  return new File([lines.map((line) => `${typeof line === 'string' ? line : JSON.stringify(line)}\n`).join('')], name);
}

/** A line of a batch's input. */
export function chatLine(customId: string, more: { body?: object; [field: string]: unknown } = {}): object {
  const { body, ...rest } = more;
  return {
    custom_id: customId,
    method: 'POST',
    url: '/v1/chat/completions',
    body: { model: 'sluice/auto', messages: [{ role: 'user', content: `Say ${customId}.` }], ...body },
    ...rest,
  };
}
