import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { reasonOf, WeirError } from '../base/errors.ts';
import type { StoreConfig } from './config.ts';
import { formatEndpoint, parseEndpoint } from './endpoint.ts';
import type { Settings } from './schema.ts';

const hostsMax = 16;
const etcdPattern = /^etcd:\/\/([^/@?#\s]+)((?:\/[\w.-]+)*)\/?$/;

/** `level`, or `etcd://HOST:PORT,HOST:PORT/PREFIX`. Throws a WeirError. */
export function storeConfig(settings: Settings, directory: string, retentionMs: number): StoreConfig {
  const { store = 'level', etcd } = settings;
  if (store === 'level') {
    if (etcd !== undefined) throw invalid('/etcd goes with store: etcd://HOST:PORT');
    return { kind: 'level', retentionMs };
  }
  const parts = etcdPattern.exec(store);
  if (parts === null)
    throw invalid(
      `"${store}" is neither "level" nor etcd://HOST:PORT[,HOST:PORT…][/PREFIX]; a user goes under "etcd" in the --config file`,
    );
  const hosts = (parts[1] ?? '').split(',').map((host) => formatEndpoint(parseEndpoint(/:\d+$/.test(host) ? host : `${host}:2379`)));
  if (hosts.length > hostsMax) throw invalid(`${hosts.length} etcd servers, ${hostsMax} at most`);
  return {
    kind: 'etcd',
    retentionMs,
    etcd: { hosts, prefix: parts[2] || '/weir', user: etcdUser(etcd, directory), tls: etcdTls(etcd, directory) },
  };
}

function etcdUser(etcd: Settings['etcd'], directory: string) {
  if ((etcd?.user === undefined) !== (etcd?.passwordFile === undefined)) throw invalid('/etcd: user and passwordFile go together');
  if (etcd?.user === undefined || etcd.passwordFile === undefined) return undefined;
  return { name: etcd.user, password: text('/etcd/passwordFile', directory, etcd.passwordFile).replace(/\r?\n$/, '') };
}

function etcdTls(etcd: Settings['etcd'], directory: string) {
  const files = etcd?.tls;
  if (files === undefined) return undefined;
  if ((files.cert === undefined) !== (files.key === undefined)) throw invalid('/etcd/tls: cert and key go together');
  const client =
    files.cert === undefined || files.key === undefined
      ? undefined
      : { cert: text('/etcd/tls/cert', directory, files.cert), key: text('/etcd/tls/key', directory, files.key) };
  return { ca: text('/etcd/tls/ca', directory, files.ca), client };
}

function text(where: string, directory: string, path: string): string {
  try {
    return readFileSync(resolve(directory, path), 'utf8');
  } catch (cause) {
    throw new WeirError('config-invalid', `${where}: ${reasonOf(cause)}`, { cause });
  }
}

function invalid(reason: string): WeirError {
  return new WeirError('config-invalid', reason);
}
