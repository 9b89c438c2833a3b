import type { FastifyInstance } from 'fastify';
import type { Config } from '../domain/config.ts';

/**
 * Has what a request enqueues go on with the trace that its client tells of (https://www.w3.org/TR/trace-context/), unless
 * an instrumentation of HTTP does that already. Nothing of OpenTelemetry is loaded where telemetry is turned off.
 */
export async function followTraces(api: FastifyInstance, { telemetry }: Pick<Config, 'telemetry'>): Promise<void> {
  if (!telemetry.enabled) return;
  const { ROOT_CONTEXT, context, propagation, trace } = await import('@opentelemetry/api');
  // When the body has been read: the events of its socket would lose the context.
  api.addHook('preHandler', ({ headers: { traceparent, tracestate } }, _reply, done) => {
    if (traceparent === undefined || trace.getActiveSpan() !== undefined) return done();
    // No baggage: that would be a stranger's text in our spans.
    const carrier = { traceparent, ...(tracestate !== undefined && { tracestate }) };
    return context.with(propagation.extract(ROOT_CONTEXT, carrier), done);
  });
}
