// Runs commands one after another in one process, each through a fresh copy of the program's main module: a command's
// start costs more than most of them do. Started by `Workshop.startHost`.
import type { CliRun } from './cli.ts';

export type HostRequest = { commandArguments: readonly string[]; env: Record<string, string> };

const MAIN = new URL('../../src/cli/main.ts', import.meta.url).href;
const bareEnvironment = { ...process.env };
let count = 0;

// Commands leave their handlers for signals behind.
process.once('disconnect', () => process.exit());
// Each copy listens for a reader that has gone.
process.stdout.setMaxListeners(0);
process.on('message', ({ commandArguments, env }: HostRequest) => void run(commandArguments, env));

async function run(commandArguments: readonly string[], env: Record<string, string>): Promise<void> {
  const reply: CliRun = { code: 0, stdout: '', stderr: '' };
  const restore = [capture('stdout', reply), capture('stderr', reply)];
  process.argv = [process.execPath, 'sluice', ...commandArguments];
  process.env = { ...bareEnvironment, ...env };
  process.exitCode = 0;
  count += 1;
  await import(`${MAIN}?run=${count}`);
  for (const giveBack of restore) giveBack();
  process.send?.({ ...reply, code: exitCode() });
  process.exitCode = 0;
}

/** Read by a function: the compiler takes it for the 0 that was written before the import. */
function exitCode(): number {
  return Number(process.exitCode);
}

function capture(name: 'stdout' | 'stderr', into: CliRun): () => void {
  const write = process[name].write.bind(process[name]);
  process[name].write = (text: string | Uint8Array): boolean => {
    into[name] += String(text);
    return true;
  };
  return () => {
    process[name].write = write;
  };
}
