/** What is looked at. */
export type Check = 'node' | 'redis' | 'configuration' | 'provider';

/** What one check found: one line for a person, which for a `fail` says what to do. */
export type Finding = { check: Check; status: 'ok' | 'warn' | 'fail'; message: string };

export function checkNode(): Finding {
  // The program does not start on a Node that is too old.
  return {
    check: 'node',
    status: 'ok',
    message: `Node ${process.versions.node} (${process.platform} ${process.arch})`,
  };
}
