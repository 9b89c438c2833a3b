export { createProviders, type Providers } from './registry.ts';
export type { Answer, CallOptions, Provider } from './provider.ts';
export { postWebhook, problemOfWebhook } from './webhook.ts';
