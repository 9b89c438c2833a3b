import { expect, test } from 'vitest';
import { renderGates } from '../../src/monitor/gate-metrics.ts';

test('gates are told one by one, limits for callers by their names alone', () => {
  const gates = [
    {
      name: 'a#default|m',
      provider: 'a',
      key: 'default',
      model: 'm',
      state: 'passing',
      inflight: 3,
      concurrencyLimit: 5,
    },
    { name: 'a|m', provider: 'a', model: 'm', state: 'stopped', reason: 'circuit', inflight: 0 },
  ] as const;
  const text = renderGates({ gates, refusals: new Map([['each-user', 7]]) }).join('');
  const samples = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  expect(samples).toEqual([
    'sluice_gate_stopped{provider="a",key="",model="m",state="stopped",reason="circuit"} 1',
    'sluice_calls_in_flight{provider="a",key="default",model="m"} 3',
    'sluice_gate_limit{provider="a",key="default",model="m",limit="concurrency"} 5',
    'sluice_limit_refusals_total{limit="each-user"} 7',
  ]);
});
