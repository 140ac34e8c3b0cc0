export type { Config, EtcdStoreConfig, MemberConfig, SwitchAccess } from './config.ts';
export { formatEndpoint, isLoopback, parseEndpoint } from './endpoint.ts';
export { ConfigError, loadConfig, type Overrides, type Sources } from './load.ts';
