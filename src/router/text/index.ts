export { createTaskReader, type TaskReader } from './task-reader.ts';
export { TextModel } from './text-model.ts';
export { type TextSample, trainTextModel } from './train.ts';
