export { CertificatesInUse } from './certificates.ts';
export type { Config, EtcdStoreConfig, MemberConfig, SwitchAccess, Tls } from './config.ts';
export { formatEndpoint, isLoopback, parseEndpoint } from './endpoint.ts';
export { ConfigError, loadConfig, type Overrides, type Sources } from './load.ts';
