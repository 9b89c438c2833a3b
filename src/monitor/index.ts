export { describeListenError, urlOf } from './listening.ts';
export { createMonitor, type Monitor, type MonitorOptions } from './monitor.ts';
export { type MonitorServer, type MonitorServerOptions, startMonitor } from './server.ts';
