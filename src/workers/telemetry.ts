import type { Telemetry } from 'bullmq';
import { packageVersion } from '../config/package-version.ts';
import type { Config } from '../domain/config.ts';
import type { Providers } from '../providers/index.ts';

export type WorkerTelemetry = {
  /** For BullMQ's workers: they go on with the traces that jobs were enqueued in. */
  queue: Telemetry;
  /** The same providers, whose calls are traced. */
  traceCalls(providers: Providers): Providers;
};

/** For the OpenTelemetry SDK that is loaded into the process; undefined, and nothing is loaded, where it is turned off. */
export async function openTelemetry({ telemetry, providers: configs }: Config): Promise<WorkerTelemetry | undefined> {
  if (!telemetry.enabled) return undefined;
  const [{ BullMQOtel }, { traceCalls }] = await Promise.all([import('bullmq-otel'), import('./genai-telemetry.ts')]);
  const version = packageVersion();
  return {
    queue: new BullMQOtel({ tracerName: 'sluice', meterName: 'sluice', version, enableMetrics: true }),
    traceCalls: (providers) => traceCalls(providers, configs),
  };
}
