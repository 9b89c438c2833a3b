export { createTaskReader, type TaskReader } from './task-reader.ts';
export { MOST_TASKS, TextModel } from './text-model.ts';
export { type TextSample, trainTextModel } from './train.ts';
