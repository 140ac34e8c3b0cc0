import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Config, formatEndpoint, isLoopback, loadConfig, type Overrides, parseEndpoint } from '../../src/config/index.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'weir-config-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

function load(settings: object | string | undefined, flags: Overrides = {}, environment: Record<string, string> = {}): Config {
  const file = settings === undefined ? undefined : 'weir.yaml';
  if (file !== undefined) writeFileSync(join(directory, file), typeof settings === 'string' ? settings : JSON.stringify(settings));
  return loadConfig({ file, flags, environment, workingDirectory: directory });
}

test('defaults', () => {
  expect(load(undefined, { data: 'here' })).toEqual({
    dataDirectory: join(directory, 'here'),
    api: {
      listen: { host: '127.0.0.1', port: 6680 },
      tls: undefined,
      tokens: [],
      bodyBytesMax: 16777216,
      requestsPerSecondMax: undefined,
      watchersMax: 1000,
      watchersPerTenantMax: 100,
      watchBufferBytesMax: 4194304,
    },
    switches: { kind: 'off' },
    member: { listen: { host: '127.0.0.1', port: 0 }, origin: { kind: 'alone' } },
    store: { kind: 'level', retentionMs: 86_400_000 },
    counters: { intervalMs: 10_000 },
    logLevel: 'info',
  });
});

test('an etcd: its servers, where its keys are, and who asks', () => {
  writeFileSync(join(directory, 'password'), 'secret\n');
  for (const name of ['ca', 'cert', 'key']) writeFileSync(join(directory, name), name);
  expect(load({ data: 'a', store: 'etcd://127.0.0.1' }).store).toEqual({
    kind: 'etcd',
    retentionMs: 86_400_000,
    etcd: { hosts: ['127.0.0.1:2379'], prefix: '/weir' },
  });
  const etcd = { user: 'weir', passwordFile: 'password', tls: { ca: 'ca', cert: 'cert', key: 'key' } };
  expect(load({ data: 'a', etcd }, {}, { WEIR_STORE: 'etcd://a:1,[::1]:2,b/sdn/east/' }).store).toMatchObject({
    etcd: {
      hosts: ['a:1', '[::1]:2', 'b:2379'],
      prefix: '/sdn/east',
      user: { name: 'weir', password: 'secret' },
      tls: { ca: 'ca', client: { cert: 'cert', key: 'key' } },
    },
  });
});

test('flags win over environment, environment over the file', () => {
  const file = {
    data: 'a',
    listen: '127.0.0.1:1',
    openflow: '127.0.0.1:2',
    ovsdb: '127.0.0.1:3',
    insecureSwitches: true,
    retention: '90m',
  };
  const config = load(
    file,
    { openflow: '127.0.0.1:20' },
    { WEIR_OPENFLOW: '127.0.0.1:10', WEIR_OVSDB: '[::1]:11', WEIR_LOG_LEVEL: 'debug' },
  );
  expect(config.api.listen.port).toBe(1);
  expect(config.switches).toMatchObject({
    kind: 'plain',
    openflow: { host: '127.0.0.1', port: 20 },
    ovsdb: { host: '::1', port: 11 },
    advertise: undefined,
  });
  expect([config.store.retentionMs, config.logLevel]).toEqual([5_400_000, 'debug']);
});

test('the file may be named by the environment, its paths start beside it', () => {
  writeFileSync(join(directory, 'weir.yaml'), 'data: store\n');
  const config = loadConfig({
    file: undefined,
    flags: {},
    environment: { WEIR_CONFIG: join(directory, 'weir.yaml') },
    workingDirectory: '/',
  });
  expect(config.dataDirectory).toBe(join(directory, 'store'));
});

test('a configuration cannot be changed', () => {
  const config = load({ data: 'a' });
  expect(() => Object.assign(config.api.listen, { port: 1 })).toThrow(TypeError);
});

test('secrets are kept as hashes', () => {
  const token = 'a-secret-of-some-length';
  const sha256 = createHash('sha256').update(token).digest();
  const config = load({
    data: 'a',
    tokens: [
      { token, role: 'platform', name: 'operator' },
      { sha256: sha256.toString('hex'), role: 'tenant', tenant: 'acme' },
    ],
  });
  expect(config.api.tokens).toEqual([
    { name: 'operator', role: 'platform', sha256 },
    { name: 'tenant-1', role: 'tenant', tenant: 'acme', sha256 },
  ]);
  expect(JSON.stringify(config)).not.toContain(token);
});

test('switches over TLS need certificates and an authority', () => {
  for (const name of ['cert', 'key', 'ca']) writeFileSync(join(directory, name), `the ${name}`);
  const config = load({ data: 'a', advertise: 'weir.example', tls: { switches: { cert: 'cert', key: 'key', ca: 'ca' } } });
  expect(config.switches).toMatchObject({
    kind: 'tls',
    tls: { cert: 'the cert', key: 'the key', ca: 'the ca' },
    advertise: 'weir.example',
  });
});

const token = { token: 'a-secret-of-some-length', role: 'platform' };
const refusals: readonly (readonly [string, object | string | undefined, Overrides, RegExp])[] = [
  ['no data directory', undefined, {}, /--data/],
  ['an unknown setting', { data: 'a', colour: 'red' }, {}, /colour/],
  ['a wrong type', { data: 'a', insecureSwitches: 'yes' }, {}, /\/insecureSwitches/],
  ['no YAML', 'a: [', {}, /weir\.yaml/],
  ['no HOST:PORT', { data: 'a' }, { listen: '127.0.0.1' }, /listen: "127\.0\.0\.1" is no HOST:PORT/],
  ['a port that is too large', { data: 'a' }, { openflow: '0.0.0.0:65536' }, /openflow/],
  ['an open address without anything', { data: 'a' }, { listen: '0.0.0.0:1' }, /TLS .* and bearer tokens/],
  ['an open address without TLS', { data: 'a', tokens: [token] }, { listen: '[::]:1' }, /without TLS/],
  ['a short secret', { data: 'a', tokens: [{ token: 'short', role: 'platform' }] }, {}, /\/tokens\/0\/token/],
  ['a token without a secret', { data: 'a', tokens: [{ role: 'platform' }] }, {}, /\/tokens\/0: give either/],
  ['a tenant token without a tenant', { data: 'a', tokens: [{ ...token, role: 'tenant' }] }, {}, /\/tokens\/0\/tenant/],
  ['a platform token with a tenant', { data: 'a', tokens: [{ ...token, tenant: 'acme' }] }, {}, /\/tokens\/0\/tenant/],
  ['a certificate that is missing', { data: 'a', tls: { api: { cert: 'none', key: 'none' } } }, {}, /\/tls\/api\/cert: ENOENT/],
  ['another store', { data: 'a' }, { store: 'postgres://127.0.0.1' }, /neither "level" nor etcd/],
  ['a password in a flag', { data: 'a' }, { store: 'etcd://weir:secret@127.0.0.1' }, /under "etcd"/],
  ['an etcd on no port', { data: 'a' }, { store: 'etcd://127.0.0.1:70000' }, /HOST:PORT/],
  ['an etcd without servers', { data: 'a' }, { store: 'etcd:///weir' }, /neither "level" nor etcd/],
  ['a user without a password', { data: 'a', store: 'etcd://a', etcd: { user: 'weir' } }, {}, /go together/],
  ['a certificate without a key', { data: 'a', store: 'etcd://a', etcd: { tls: { ca: 'ca', cert: 'cert' } } }, {}, /go together/],
  [
    'a password that is not there',
    { data: 'a', store: 'etcd://a', etcd: { user: 'weir', passwordFile: 'none' } },
    {},
    /passwordFile: ENOENT/,
  ],
  ['settings of etcd without it', { data: 'a', etcd: { user: 'weir', passwordFile: 'none' } }, {}, /goes with store/],
  ['a duration that is none', { data: 'a' }, { retention: 'tomorrow' }, /retention: "tomorrow"/],
];

describe('what is refused says why', () => {
  test.each(refusals)('%s', (_says, settings, flags, message) => {
    expect(() => load(settings, flags)).toThrow(
      expect.objectContaining({ code: 'config-invalid', message: expect.stringMatching(message) }),
    );
  });

  test('TLS for switches and plain switches at once', () => {
    for (const name of ['cert', 'key']) writeFileSync(join(directory, name), name);
    const files = { cert: 'cert', key: 'key' };
    expect(() => load({ data: 'a', tls: { switches: files } })).toThrow(/\/tls\/switches\/ca/);
    expect(() => load({ data: 'a', insecureSwitches: true, tls: { switches: files } })).toThrow(/exclude each other/);
  });
});

test('endpoints', () => {
  for (const text of ['127.0.0.1:0', '[::1]:65535', 'localhost:80', 'weir.example:1'])
    expect(formatEndpoint(parseEndpoint(text))).toBe(text);
  for (const text of ['', ':1', '::1:1', 'a b:1', 'a:', 'a:x', 'http://a:1']) expect(() => parseEndpoint(text)).toThrow(/HOST:PORT/);
  expect(['127.0.0.1', '127.9.9.9', '::1', '[::1]', 'LOCALHOST'].every(isLoopback)).toBe(true);
  expect(['0.0.0.0', '::', '10.0.0.1', '127.0.0.1.example', 'localhost.example'].some(isLoopback)).toBe(false);
});
