export type { ApiConfig, Config, LogLevel, SwitchAccess, SwitchListeners, Tls, Token } from './config.ts';
export { formatEndpoint, isLoopback, parseEndpoint, type Endpoint } from './endpoint.ts';
export { ConfigError, loadConfig, type Overrides, type Sources } from './load.ts';
