import type { Command } from 'commander';

/** Every command, in the order in which the help lists them. */
export const commands: Command[] = [];
