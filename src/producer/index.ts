export { Producer, type ProducerOptions } from './producer.ts';
export { Batches, type BatchRequest, type BatchRow } from './batch.ts';
export { type Inspection, inspectRows, readRows } from './inspect.ts';
export { type Line, readLines } from './lines.ts';
export { type RowDefaults, type RowOptions, problemsOfDefaults } from './rows.ts';
