import { basename, dirname } from 'node:path';

/**
 * How a person calls this program: `sluice` when their shell found it by that name, as after a global installation,
 * else `npx sluice`, which works in a clone and in a project. `entry` is the file that Node was started with.
 */
export function nameToCall(entry: string): string {
  // npm's own runs put the `.bin` folder on the PATH for that one run only.
  const isFoundByName = basename(entry) === 'sluice' && basename(dirname(entry)) !== '.bin';
  return isFoundByName ? 'sluice' : 'npx sluice';
}

/** Stands in front of every command that is printed for a person to run. */
export const SLUICE = nameToCall(process.argv[1] ?? '');

const COMMANDS =
  'batch|board|budget|config|demo|dlq|doctor|down|experiment|feedback|init|key|models|router?|serve|sim|up|usage|worker';
const CALL = new RegExp(String.raw`(?<!npx )\bsluice (?=(?:${COMMANDS})\b)`, 'g');

/** What the layers below advise, as it is to be typed here: they call the program by its plain name. */
export function asTyped(advice: string): string {
  return advice.replaceAll(CALL, `${SLUICE} `);
}
