import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { bundledFile } from './context.ts';
import { exitCodeOf, report, reportUsage } from './failure.ts';
import { SLUICE } from './invocation.ts';
import { loadCommands } from './commands/index.ts';

const program = new Command('sluice')
  .description('A queue-native LLM gateway: prompt jobs in, the right model for each, and a bill that adds up.')
  .version(packageVersion())
  .option('-c, --config <file>', 'configuration file (default: sluice.yaml in this folder)')
  .option('--install-redis', 'install redis-server when there is none (apt-get, as root or by sudo)')
  .option('--debug', 'show stack traces and debug logs')
  .configureOutput({ outputError: (text, write) => reportUsage(text, write, `${SLUICE} --help`) })
  .exitOverride();

for (const command of await loadCommands(process.argv.slice(2))) program.addCommand(withOurErrors(command));

// A reader that has seen enough (`| head`) is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = exitCodeOf(error);
  if (!(error instanceof CommanderError)) report(error, program.opts<{ debug?: boolean }>().debug ?? false);
}

/** A command that was made by itself has nothing of the program's settings. */
function withOurErrors(command: Command, outer = SLUICE): Command {
  const name = `${outer} ${command.name()}`;
  command.configureOutput({ outputError: (text, write) => reportUsage(text, write, `${name} --help`) }).exitOverride();
  for (const inner of command.commands) withOurErrors(inner, name);
  return command;
}

function packageVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(bundledFile('package.json'), 'utf8'));
  return manifest !== null && typeof manifest === 'object' && 'version' in manifest ? String(manifest.version) : '0';
}
