import { describe, expect, it } from 'vitest';
import { check, formatProblem } from '../../src/domain/issues.ts';
import { createTaskReader, TextModel, trainTextModel } from '../../src/router/text/index.ts';
import { labelledPrompts, TASKS } from '../support/adversarial-prompts.ts';
import { seededRandom } from './router-fixture.ts';

const SAMPLES = labelledPrompts(seededRandom(1), 60);
const UNSEEN = labelledPrompts(seededRandom(2), 50);
const model = trainTextModel(SAMPLES);

function shareRight(of: TextModel, samples = UNSEEN): number {
  const reader = createTaskReader(of);
  const right = samples.filter(({ text, task }) => {
    const probabilities = reader.read(text);
    return reader.tasks[probabilities.indexOf(Math.max(...probabilities))] === task;
  });
  return right.length / samples.length;
}

function problemsOf(changes: object): string[] {
  const checked = check(TextModel, { ...model, ...changes });
  return checked.ok ? [] : checked.problems.map(formatProblem);
}

describe('a text model', () => {
  it('reads the task of prompts that it has not seen', () => {
    expect(createTaskReader(model).tasks).toEqual([...TASKS]);
    expect(shareRight(model)).toBeGreaterThan(0.95);
    expect(model.tasks.held_out.accuracy).toBeGreaterThan(0.9);
    expect(model.tasks.held_out.samples).toBeGreaterThan(10);
  });

  it('is the same for the same samples', () => {
    expect(trainTextModel(SAMPLES)).toEqual(model);
    expect(trainTextModel(SAMPLES.slice(1))).not.toEqual(model);
  });

  it('survives its file', () => {
    const read = TextModel.parse(JSON.parse(JSON.stringify(model)));
    const text = 'Write a Rust function that reverses a graph.';
    expect(createTaskReader(read).read(text)).toEqual(createTaskReader(model).read(text));
    expect(JSON.stringify(model).length).toBeLessThan(300_000);
  });

  it('is as unsure as it has reason to be: of samples with every third label wrong, it says about two thirds', () => {
    const noisy = labelledPrompts(seededRandom(3), 400).map((sample, index) => ({
      ...sample,
      task: index % 3 === 0 ? (TASKS[(index / 3) % TASKS.length] as string) : sample.task,
    }));
    const reader = createTaskReader(trainTextModel(noisy));
    const sure = UNSEEN.map(({ text }) => Math.max(...reader.read(text)));
    const mean = sure.reduce((sum, part) => sum + part, 0) / sure.length;
    expect(mean).toBeGreaterThan(0.6);
    expect(mean).toBeLessThan(0.85);
  });

  it('wants two tasks', () => {
    expect(() => trainTextModel(SAMPLES.slice(0, 1))).toThrow('needs samples of two or more, got 1');
    expect(() => trainTextModel([])).toThrow('got 0');
    expect(shareRight(trainTextModel(SAMPLES.slice(0, 4)))).toBeGreaterThan(0);
  });
});

describe('a broken file of a text model', () => {
  it.each([
    ['another version', { v: 2 }, 'v: '],
    ['other features', { features: 99 }, 'train it again'],
    [
      'weights that are missing',
      { tasks: { ...model.tasks, weights: { largest: 1, bytes: 'AAAA' } } },
      'must hold 131072 weights, got 3',
    ],
    ['weights that are no base64', { tasks: { ...model.tasks, weights: { largest: 1, bytes: '***' } } }, 'base64'],
    ['a bias too few', { tasks: { ...model.tasks, bias: [0] } }, 'for each of the 4 tasks, got 1'],
    ['a task twice', { tasks: { ...model.tasks, names: ['a', 'b', 'b', 'c'] } }, 'must not name a task twice'],
    ['a number of buckets that is no power of two', { tasks: { ...model.tasks, buckets: 1_000 } }, 'power of two'],
  ])('%s is told', (_what, changes, message) => {
    expect(problemsOf(changes).join('\n')).toContain(message);
  });
});
