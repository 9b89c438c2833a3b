export { type Monitor, type MonitorOptions, startMonitor } from './server.ts';
