import { formatUsd } from '../../domain/money.ts';
import type { BatchStatus } from '../../store/batches.ts';
import { BOARD_PATH } from '../board.ts';
import { type Html, html } from '../html.ts';
import type { LaneReading } from '../lanes.ts';
import type { ModelStatus } from './models.ts';
import { callsOf, failuresOf } from './spend.ts';
import type { Failure, Status } from './status.ts';
import { renderCost } from './money.ts';
import { NOTHING, renderBar, renderSection, renderTable, toColumns } from './table.ts';
import { count, latency, moment, percent, plural } from './words.ts';

const MOST_MODELS = 40;

export function renderLanes({ lanes }: Status): Html {
  const columns = ['Lane', 'Waiting', 'Active', 'Delayed', 'Failed', 'Workers'];
  const rows = lanes.map((reading) => {
    const { lane, waiting, active, delayed, failed, workers } = reading;
    const link = (state: string, jobs: number): Html =>
      jobs === 0 ? NOTHING : html`<a href="${boardOf(reading)}?status=${state}">${count(jobs)}</a>`;
    return [
      html`<a href="${boardOf(reading)}">${lane}</a>`,
      link('waiting', waiting),
      link('active', active),
      link('delayed', delayed),
      link('failed', failed),
      workers === undefined ? '?' : workers === 0 ? NOTHING : count(workers),
    ];
  });
  return renderSection('lanes', 'Lanes', renderTable(toColumns(columns), rows, 'dense'));
}

function boardOf({ lane }: LaneReading): string {
  return `${BOARD_PATH}/queue/${encodeURIComponent(lane)}`;
}

export function renderModels({ models, spend, at }: Status): Html {
  if (models.length === 0) {
    const empty = html`<p class="empty">
      No model has been called today. With a configuration file beside it, this page lists what is configured:
      <code>sluice init</code> writes one.
    </p>`;
    return renderSection('models', 'Models', empty);
  }
  const columns = ['Model', 'State', 'Calls', 'Failed', 'p50', 'p95', 'In flight', 'Today'];
  const rows = models.slice(0, MOST_MODELS).map((model) => {
    const { alias, provider, sums } = model;
    const calls = callsOf(sums);
    const failed = failuresOf(sums);
    return [
      html`${alias}${provider === undefined ? undefined : html` <small>${provider}</small>`}`,
      renderState(model, at),
      calls === 0 ? NOTHING : count(calls),
      failed === 0 ? NOTHING : html`<span class="bad">${count(failed)}</span>`,
      model.latency ? latency(model.latency.p50) : NOTHING,
      model.latency ? latency(model.latency.p95) : NOTHING,
      renderLoad(model),
      renderCost(sums.cost_nanos, spend.total.cost_nanos),
    ];
  });
  const rest = models.length - rows.length;
  const more =
    rest > 0 ? html`<p class="more">and ${count(rest)} more: <code>sluice usage --by model</code></p>` : undefined;
  const table = html`${renderTable(toColumns(columns, 2), rows, 'lead')}${more}`;
  return renderSection('models', 'Models', table, 'latency of the last hundred calls');
}

function renderState({ state, untilMs, code }: ModelStatus, now: number): Html {
  const when = untilMs === undefined ? undefined : html` ${moment(untilMs, now)}`;
  const why = code === undefined ? undefined : html` <small>${code}</small>`;
  switch (state) {
    case 'fine':
      return html`<span class="state calm">fine</span>`;
    case 'trying':
      return html`<span class="state warn">one call at a time</span>${why}`;
    case 'throttled':
      return html`<span class="state warn">throttled</span> <small>calls go on${when}</small>`;
    case 'stopped':
      return html`<span class="state bad">left alone</span> <small>tried again${when}</small>${why}`;
  }
}

function renderLoad({ inFlight, concurrency }: ModelStatus): Html | string {
  if (concurrency !== undefined) return html`${count(inFlight)} <small>of ${count(concurrency)}</small>`;
  return inFlight === 0 ? NOTHING : count(inFlight);
}

export function renderBatches({ batches, at }: Status): Html {
  const empty = html`<p class="empty">
    None. <code>sluice batch run prompts.jsonl</code> starts one, and so does <code>POST /v1/batches</code> of the API.
  </p>`;
  const list = html`<ul class="meters">
    ${batches.map((batch) => renderBatch(batch, at))}
  </ul>`;
  return renderSection('batches', 'Batches under way', batches.length === 0 ? empty : list);
}

function renderBatch(batch: BatchStatus, now: number): Html {
  const { id, name, state, total, completed, failed, costNanos, submittedAt } = batch;
  const ended = completed + failed;
  const tone = state === 'paused' ? 'warn' : 'calm';
  const failures = failed === 0 ? undefined : html`, <span class="bad">${count(failed)} failed</span>`;
  return html`<li>
    <p><b>${name ?? id}</b> <small>${state}, submitted ${moment(submittedAt, now)}</small></p>
    ${renderBar(total === 0 ? 1 : ended / total, `${percent(ended, total)} done`, tone)}
    <p>${count(ended)} of ${plural(total, 'row')}${failures} <small>${formatUsd(costNanos)}</small></p>
  </li> `;
}

export function renderFailures({ failures, at }: Status): Html {
  const { count: total, newest } = failures;
  if (newest.length === 0) {
    return renderSection('failures', 'Last failures', html`<p class="empty">No job has failed for good.</p>`);
  }
  const rows = newest.map(({ jobId, task, model, code, failedAt }: Failure) => [
    html`<span class="id">${jobId}</span>`,
    html`<code>${code}</code>`,
    task ?? NOTHING,
    model ?? NOTHING,
    moment(failedAt, at),
  ]);
  const table = renderTable(toColumns(['Job', 'Code', 'Task', 'Last model', 'When'], 5), rows, 'lead');
  const hint = html`<p class="more">Why, and again: <code>sluice dlq show ID</code>, <code>sluice dlq retry</code></p>`;
  return renderSection('failures', 'Last failures', html`${table}${hint}`, `${count(total)} kept`);
}
