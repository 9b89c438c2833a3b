export { InvalidJob } from './intake.ts';
export { defaultLane, IdTaken, Producer, type ProducerOptions } from './producer.ts';
export type { QueueEntry } from './queues.ts';
export { Batches, type BatchRequest, type BatchRow } from './batch.ts';
export { type Inspection, inspectRows, readRows } from './inspect.ts';
export { type Line, readLines } from './lines.ts';
export { type RowDefaults, type RowOptions, parseJson, prepareLine, problemsOfDefaults } from './rows.ts';
export { SeenIds } from './seen-ids.ts';
