import type { Command } from 'commander';

/** Every command, in the order in which the help lists them. Loading all of them takes half a second of CPU. */
const LOADERS: Record<string, () => Promise<Command>> = {
  demo: async () => (await import('./demo.ts')).demoCommand,
  init: async () => (await import('./init.ts')).initCommand,
  serve: async () => (await import('./serve.ts')).serveCommand,
  up: async () => (await import('./up.ts')).upCommand,
  down: async () => (await import('./down.ts')).downCommand,
  worker: async () => (await import('./worker.ts')).workerCommand,
  batch: async () => (await import('./batch.ts')).batchCommand,
  dlq: async () => (await import('./dlq.ts')).dlqCommand,
  board: async () => (await import('./board.ts')).boardCommand,
  key: async () => (await import('./key.ts')).keyCommand,
  budget: async () => (await import('./budget.ts')).budgetCommand,
  usage: async () => (await import('./usage.ts')).usageCommand,
  route: async () => (await import('./route.ts')).routeCommand,
  feedback: async () => (await import('./feedback.ts')).feedbackCommand,
  router: async () => (await import('./router.ts')).routerCommand,
  experiment: async () => (await import('./experiment.ts')).experimentCommand,
  models: async () => (await import('./models.ts')).modelsCommand,
  config: async () => (await import('./config.ts')).configCommand,
  sim: async () => (await import('./sim.ts')).simCommand,
  doctor: async () => (await import('./doctor.ts')).doctorCommand,
};

/** The command that the arguments name, or all of them when they name none: for the help and for suggestions. */
export async function loadCommands(words: readonly string[]): Promise<Command[]> {
  const first = words.find((word, index) => !word.startsWith('-') && !takesValue(words[index - 1]));
  const load = first === undefined ? undefined : LOADERS[first];
  return load ? [await load()] : Promise.all(Object.values(LOADERS).map((loader) => loader()));
}

function takesValue(option: string | undefined): boolean {
  return option === '-c' || option === '--config';
}
