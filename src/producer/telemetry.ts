import { createRequire } from 'node:module';
import type { Telemetry } from 'bullmq';
import { packageVersion } from '../config/package-version.ts';
import type { Config } from '../domain/config.ts';

/**
 * For BullMQ's queues: a job takes the trace along that it is enqueued in. Undefined where telemetry is turned off; then
 * nothing of OpenTelemetry is loaded. At once, since a queue is opened when it is first used.
 */
export function openQueueTelemetry({ telemetry }: Pick<Config, 'telemetry'>): Telemetry | undefined {
  if (!telemetry.enabled) return undefined;
  const { BullMQOtel } = createRequire(import.meta.url)('bullmq-otel') as typeof import('bullmq-otel');
  return new BullMQOtel({ tracerName: 'sluice', meterName: 'sluice', version: packageVersion(), enableMetrics: true });
}
