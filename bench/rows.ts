import { type Figure, pluck } from './figures.ts';
import type { Measured } from './measure.ts';

/** One line of the report; `name` is what it is called in the JSON. */
export type Row = { name: string; what: string; figure: Figure; digits: number; unit: string };

export function rowsOf(measured: Measured): Row[] {
  return [...workerRows(measured), ...idealRows(measured), ...enqueueRows(measured), ...routeRows(measured)];
}

function workerRows({ worker }: Measured): Row[] {
  if (!worker) return [];
  const { bare, sluice, ratio } = worker;
  const us = { digits: 0, unit: 'µs a job' };
  return [
    {
      name: 'ceiling_jobs_per_s',
      what: 'bare BullMQ worker (the ceiling)',
      figure: pluck(bare, (run) => run.jobsPerSecond),
      digits: 0,
      unit: 'jobs/s',
    },
    {
      name: 'sluice_jobs_per_s',
      what: 'Sluice worker',
      figure: pluck(sluice, (run) => run.jobsPerSecond),
      digits: 0,
      unit: 'jobs/s',
    },
    { name: 'ratio', what: 'Sluice / ceiling', figure: ratio, digits: 2, unit: '' },
    {
      name: 'redis_round_trips_per_job',
      what: "Redis round trips beyond BullMQ's own",
      figure: pluck(sluice, (run) => run.ledgerCommandsPerJob),
      digits: 2,
      unit: 'a job',
    },
    {
      name: 'ceiling_cpu_us_per_job',
      what: 'CPU of the bare worker',
      figure: pluck(bare, (run) => run.workerCpuUsPerJob),
      ...us,
    },
    {
      name: 'worker_cpu_us_per_job',
      what: 'CPU of the Sluice worker',
      figure: pluck(sluice, (run) => run.workerCpuUsPerJob),
      ...us,
    },
    {
      name: 'ceiling_redis_cpu_us_per_job',
      what: 'CPU of Redis, bare',
      figure: pluck(bare, (run) => run.redisCpuUsPerJob),
      ...us,
    },
    {
      name: 'redis_cpu_us_per_job',
      what: 'CPU of Redis, Sluice',
      figure: pluck(sluice, (run) => run.redisCpuUsPerJob),
      ...us,
    },
  ];
}

function idealRows({ ideal }: Measured): Row[] {
  if (!ideal) return [];
  const unit = 'of the ideal rate';
  return [
    {
      name: 'ceiling_ideal_share_500ms',
      what: 'provider of 500 ms, 1,000 at a time, bare',
      figure: ideal.bare,
      digits: 3,
      unit,
    },
    {
      name: 'ideal_share_500ms',
      what: 'provider of 500 ms, 1,000 at a time, Sluice',
      figure: ideal.sluice,
      digits: 3,
      unit,
    },
  ];
}

function enqueueRows({ enqueue, stream }: Measured): Row[] {
  const rows: Row[] = [];
  if (enqueue) {
    const { bare, sluice, ratio } = enqueue;
    rows.push(
      { name: 'bare_add_bulk_rows_per_s', what: '`addBulk` of 500', figure: bare, digits: 0, unit: 'rows/s' },
      { name: 'enqueue_rows_per_s', what: '`Producer.enqueueMany`', figure: sluice, digits: 0, unit: 'rows/s' },
      { name: 'enqueue_ratio', what: 'enqueueMany / addBulk', figure: ratio, digits: 2, unit: '' },
    );
  }
  if (stream) {
    const thousands = `${stream.rows / 1_000}k`;
    rows.push({
      name: `rss_peak_mb_${thousands}_rows`,
      what: `peak memory of the process that enqueues ${thousands} rows`,
      figure: stream.rssMb,
      digits: 0,
      unit: 'MB',
    });
  }
  return rows;
}

function routeRows({ route = [] }: Measured): Row[] {
  return route.flatMap(({ models, p50Us, p99Us }) => [
    {
      name: `route_p50_us_${models}_models`,
      what: `\`route()\` among ${models} models, p50`,
      figure: p50Us,
      digits: 1,
      unit: 'µs',
    },
    {
      name: `route_p99_us_${models}_models`,
      what: `\`route()\` among ${models} models, p99`,
      figure: p99Us,
      digits: 1,
      unit: 'µs',
    },
  ]);
}
