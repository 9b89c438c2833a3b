export type { Candidate, Dropped, DropReason } from './candidates.ts';
export type { Catalog } from './catalog.ts';
export { type Complexity, guessComplexity } from './complexity.ts';
export { estimateTokens, type TokenEstimate } from './estimate.ts';
export { explainRoute, whyEmpty } from './explain.ts';
export type { Knowledge, ObservedLatency } from './predict.ts';
export type { JobHistory, RouteQuestion } from './question.ts';
export { createRouter, type Route, type Router } from './route.ts';
export type { Weights } from './strategies/index.ts';
