export { WorkerPool, type WorkerPoolOptions } from './pool.ts';
