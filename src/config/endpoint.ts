import { hostAndPort } from '../base/addresses.ts';
import { WeirError } from '../base/errors.ts';

/** Where a listener is bound. Port 0 lets the system choose. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

const endpointPattern = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s:[\]/]+)):(\d{1,5})$/;

/** `127.0.0.1:6680`, `[::1]:8640`, `localhost:0`. */
export function parseEndpoint(text: string): Endpoint {
  const parts = endpointPattern.exec(text);
  const host = parts?.[1] ?? parts?.[2];
  const port = Number(parts?.[3]);
  if (host === undefined || port > 65535) throw new WeirError('config-invalid', `"${text}" is no HOST:PORT`);
  return { host, port };
}

export const formatEndpoint = ({ host, port }: Endpoint): string => hostAndPort(host, port);

/** Whether only this machine can reach an address: 127.0.0.0/8, ::1 or the name `localhost`. */
export function isLoopback(host: string): boolean {
  const bare = host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host;
  return /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(bare) || bare === '::1' || bare.toLowerCase() === 'localhost';
}
