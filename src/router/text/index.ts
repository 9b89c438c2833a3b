export type { ScoredText } from './advantages.ts';
export { createResidualReader, type ResidualReader } from './residual-reader.ts';
export { createTaskReader, type TaskReader } from './task-reader.ts';
export { Residuals, TextModel } from './text-model.ts';
export { type TextSample, trainTextModel } from './train.ts';
export { trainResiduals } from './train-residuals.ts';
