export { createProviders, type Providers } from './registry.ts';
export type { CallOptions, Provider } from './provider.ts';
