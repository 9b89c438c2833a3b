import type { Laboratory } from '../laboratory.ts';
import type { Root } from './process-cpu.ts';

/** One way from a client to the provider. */
export type Contender = {
  name: ContenderName;
  /** Where chat completions are asked for, and with which headers. */
  url: string;
  headers: Record<string, string>;
  /** The processes whose CPU time it costs; the provider's is nobody's. */
  roots: Root[];
};

export type ContenderName = 'direct' | 'sluice' | 'portkey' | 'litellm_1' | 'litellm_2';

export const TITLES: Record<ContenderName, string> = {
  direct: 'nothing',
  sluice: 'Sluice',
  portkey: 'Portkey',
  litellm_1: 'LiteLLM, 1 worker',
  litellm_2: 'LiteLLM, 2 workers',
};

/** What contenders are started with. */
export type Stage = {
  laboratory: Laboratory;
  /** For configuration files and logs; removed at the end. */
  folder: string;
  /** For what is installed; stays for the next run. */
  installFolder: string;
  /** Takes down what was started, in reverse order. */
  cleanup: AsyncDisposableStack;
  say: (line: string) => void;
};

export const JSON_HEADERS = { 'content-type': 'application/json' };
