import { createRequire } from 'node:module';
import {
  SpanKind,
  SpanStatusCode,
  type TextMapPropagator,
  context,
  metrics,
  propagation,
  trace,
} from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import { TracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { useGateway } from '../support/gateway.ts';
import { useHarness } from '../support/harness.ts';

const open = useHarness();
const serve = useGateway();
const SECRET = 'CONFIDENTIAL prompt';

const spans = new InMemorySpanExporter();
const points = new InMemoryMetricExporter(AggregationTemporality.DELTA);
const reader = new PeriodicExportingMetricReader({ exporter: points, exportIntervalMillis: 3_600_000 });

/** https://www.w3.org/TR/trace-context/, as much as is needed to go on with a trace. */
const TRACEPARENT: TextMapPropagator = {
  fields: () => ['traceparent'],
  inject(from, carrier, setter) {
    const span = trace.getSpanContext(from);
    if (span) setter.set(carrier, 'traceparent', `00-${span.traceId}-${span.spanId}-01`);
  },
  extract(to, carrier, getter) {
    const [, traceId, spanId] = String(getter.get(carrier, 'traceparent') ?? '').split('-');
    if (traceId === undefined || spanId === undefined) return to;
    return trace.setSpanContext(to, { traceId, spanId, traceFlags: 1, isRemote: true });
  },
};

beforeAll(() => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(TRACEPARENT);
  trace.setGlobalTracerProvider(new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter: spans })] }));
  metrics.setGlobalMeterProvider(new MeterProvider({ readers: [reader] }));
  return async () => {
    await reader.shutdown();
    for (const api of [context, propagation, trace, metrics]) api.disable();
  };
});
beforeEach(() => {
  spans.reset();
  points.reset();
});

function spanOf(name: string, nth = 0) {
  const found = spans.getFinishedSpans().filter((span) => span.name === name);
  expect(found.length, `spans named ${name}`).toBeGreaterThan(nth);
  return found[nth] as (typeof found)[number];
}

function measured(name: string) {
  const all = points.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((scope) => scope.metrics));
  return all.find(({ descriptor }) => descriptor.name === name);
}

describe('with telemetry', () => {
  test('one trace goes from the producer through the worker to each call, with what the conventions name', async () => {
    const harness = await open({
      faults: [{ model: 'sim/small', kind: 503, rate: 1 }],
      config: { telemetry: { enabled: true } },
    });
    const pool = await harness.startPool();
    const [result] = await trace
      .getTracer('test')
      .startActiveSpan('evaluation', (root) =>
        harness.run([{ prompt: SECRET, stop: SECRET, temperature: 0.5, max_tokens: 20 }]).finally(() => root.end()),
      );
    await pool.stop();
    if (result?.status !== 'completed') throw new Error('the job failed');

    const root = spanOf('evaluation');
    const [failed, answered] = [spanOf('chat sim/small'), spanOf('chat sim/medium')];
    const ofJob = spans.getFinishedSpans().filter(({ attributes }) => attributes['bullmq.job.id'] === result.job_id);
    for (const span of [failed, answered, ...ofJob])
      expect(span.spanContext().traceId).toBe(root.spanContext().traceId);
    const processed = ofJob.filter(({ kind }) => kind === SpanKind.CONSUMER).map((span) => span.spanContext().spanId);
    expect(processed).toContain(failed.parentSpanContext?.spanId);
    expect(processed).toContain(answered.parentSpanContext?.spanId);

    const { usage } = result.completion;
    expect(answered.kind).toBe(SpanKind.CLIENT);
    expect(answered.attributes).toMatchObject({
      'gen_ai.operation.name': 'chat',
      'gen_ai.provider.name': 'beta',
      'gen_ai.request.model': 'sim/medium',
      'gen_ai.request.max_tokens': 20,
      'gen_ai.request.temperature': 0.5,
      'gen_ai.response.finish_reasons': [result.completion.finish_reason],
      'gen_ai.response.model': 'sim/medium',
      'gen_ai.usage.input_tokens': usage.input_tokens,
      'gen_ai.usage.output_tokens': usage.output_tokens,
      'server.address': '127.0.0.1',
      'server.port': Number(new URL(harness.sim.url).port),
      'sluice.model.alias': 'medium',
      'sluice.attempt.id': `${result.job_id}:2`,
      'sluice.cost.usd': result.cost_nanos / 1e9,
    });
    expect(failed.status).toEqual({ code: SpanStatusCode.ERROR, message: 'PROVIDER_OVERLOADED' });
    expect(failed.attributes).toMatchObject({ 'error.type': 'PROVIDER_OVERLOADED', 'http.response.status_code': 503 });

    const { version } = createRequire(import.meta.url)('../../package.json') as { version: string };
    for (const span of [answered, ...ofJob])
      expect(span.instrumentationScope).toMatchObject({ name: 'sluice', version });

    const told = spans
      .getFinishedSpans()
      .map(({ name, attributes, events, status }) => ({ name, attributes, events, status }));
    expect(JSON.stringify(told)).not.toContain('CONFIDENTIAL');
  });

  test("requests at the gateway go on with their clients' traces, each with its own", async () => {
    const { post } = await serve({ config: { telemetry: { enabled: true } } });
    const traces = ['a', 'b', 'c'].map((digit) => digit.repeat(32));
    const answers = await Promise.all(
      traces.map((traceId) => {
        const headers = { traceparent: `00-${traceId}-${'1'.repeat(16)}-01`, baggage: `prompt=${SECRET}` };
        const body = { model: 'small', messages: [{ role: 'user', content: `${SECRET} ${traceId}` }] };
        return post('/v1/chat/completions', body, { headers });
      }),
    );
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    await Promise.all(answers.map((answer) => answer.text()));
    const calls = spans.getFinishedSpans().filter(({ name }) => name === 'chat sim/small');
    expect(calls.map((span) => span.spanContext().traceId).toSorted()).toEqual(traces);
  });

  test('calls are measured in the buckets of the conventions', async () => {
    const harness = await open({ config: { telemetry: { enabled: true } } });
    const pool = await harness.startPool();
    const [result] = await harness.run([{ prompt: SECRET }]);
    await pool.stop();
    if (result?.status !== 'completed') throw new Error('the job failed');

    await reader.forceFlush();
    const duration = measured('gen_ai.client.operation.duration');
    expect(duration?.descriptor.unit).toBe('s');
    const [point] = duration?.dataPoints ?? [];
    expect(point?.attributes).toMatchObject({ 'gen_ai.operation.name': 'chat', 'gen_ai.request.model': 'sim/small' });
    expect(point?.value).toMatchObject({
      count: 1,
      buckets: { boundaries: [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92] },
    });
    const tokens = measured('gen_ai.client.token.usage');
    expect(tokens?.descriptor.unit).toBe('{token}');
    const sums = tokens?.dataPoints.map(({ attributes, value }) => [
      attributes['gen_ai.token.type'],
      typeof value === 'object' && 'sum' in value ? value.sum : undefined,
    ]);
    const { usage } = result.completion;
    expect(Object.fromEntries(sums ?? [])).toEqual({ input: usage.input_tokens, output: usage.output_tokens });
  });
});

test('without telemetry there are no spans, and jobs carry no trace', async () => {
  const harness = await open();
  const { id } = await trace
    .getTracer('test')
    .startActiveSpan('evaluation', (root) => harness.producer.enqueue({ prompt: SECRET }).finally(() => root.end()));
  expect((await harness.queue().getJob(id))?.opts.telemetry).toBeUndefined();
  const pool = await harness.startPool();
  await harness.producer.waitFor(id, { timeoutMs: 10_000 });
  await pool.stop();
  expect(spans.getFinishedSpans().map(({ name }) => name)).toEqual(['evaluation']);
});
