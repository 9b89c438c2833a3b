import type { TaskGuess } from './expectation.ts';
import type { TaskReader } from './text/index.ts';

export function createTaskGuesser({ tasks, read }: TaskReader): (promptText: string) => TaskGuess {
  return (promptText) => {
    const probabilities = read(promptText);
    let likeliest = 0;
    for (let index = 1; index < probabilities.length; index += 1) {
      if ((probabilities[index] as number) > (probabilities[likeliest] as number)) likeliest = index;
    }
    return {
      tasks,
      probabilities,
      task: tasks[likeliest] ?? '',
      confidence: probabilities[likeliest] ?? 0,
    };
  };
}
