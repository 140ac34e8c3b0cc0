import { createHash, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { Value } from 'typebox/value';
import { parse } from 'yaml';
import { reasonOf, WeirError } from '../base/errors.ts';
import type { ApiConfig, Config, MemberConfig, SwitchAccess, Tls, Token } from './config.ts';
import { parseDuration } from './duration.ts';
import { type Endpoint, isLoopback, parseEndpoint } from './endpoint.ts';
import { Settings } from './schema.ts';
import { storeConfig } from './store.ts';

/** A start that must not happen. The message says what to change. */
export class ConfigError extends WeirError {
  constructor(message: string, options?: { cause?: unknown }) {
    super('config-invalid', message, options);
  }
}

/** What flags and environment can say: the same names as in the file. */
export type Overrides = Partial<
  Pick<Settings, 'data' | 'listen' | 'openflow' | 'ovsdb' | 'advertise' | 'insecureSwitches' | 'store' | 'retention' | 'logLevel'>
> &
  MemberOverrides;

/** What the file has under `member`. `founders`: `a=HOST:PORT,b=HOST:PORT`. */
export interface MemberOverrides {
  readonly memberId?: string;
  readonly memberListen?: string;
  readonly memberAdvertise?: string;
  readonly founders?: string;
  readonly join?: string;
  readonly joinToken?: string;
}

export interface Sources {
  readonly file: string | undefined;
  readonly flags: Overrides;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Relative paths of flags and environment start here. */
  readonly workingDirectory: string;
}

/** Flags win over environment, environment over the file, the file over the defaults. Throws `ConfigError`. */
export function loadConfig(sources: Sources): Config {
  const file = sources.file ?? sources.environment['WEIR_CONFIG'];
  const fromFile = file === undefined ? {} : readSettings(resolve(sources.workingDirectory, file));
  const fileDirectory = file === undefined ? sources.workingDirectory : dirname(resolve(sources.workingDirectory, file));
  const { member, rest: overrides } = withoutMember({ ...environmentSettings(sources.environment), ...definedOnly(sources.flags) });
  const settings: Settings = { ...fromFile, ...overrides };
  checkShape(settings, 'configuration');

  const data =
    overrides.data === undefined
      ? fromFile.data && resolve(fileDirectory, fromFile.data)
      : resolve(sources.workingDirectory, overrides.data);
  if (data === undefined)
    throw new ConfigError('no data directory: pass --data DIR, set WEIR_DATA or write "data:" into the --config file');

  const retentionMs = named('retention', () => parseDuration(settings.retention ?? '24h'));

  const api = apiConfig(settings, fileDirectory);
  return deepFreeze<Config>({
    dataDirectory: data,
    api,
    switches: switchAccess(settings, fileDirectory),
    store: named('store', () => storeConfig(settings, fileDirectory, retentionMs)),
    member: memberConfig({ ...settings, member: mergedMember(settings.member, member) }, fileDirectory, api),
    counters: { intervalMs: (settings.counters?.intervalSeconds ?? 10) * 1000 },
    logLevel: settings.logLevel ?? 'info',
    policyFile:
      settings.log?.policyFile === undefined
        ? undefined
        : {
            path: resolve(fileDirectory, settings.log.policyFile),
            bytesMax: settings.log.policyFileBytesMax ?? 64 * 1024 * 1024,
          },
  });
}

function apiConfig(settings: Settings, directory: string): ApiConfig {
  const listen = named('listen', () => parseEndpoint(settings.listen ?? '127.0.0.1:6680'));
  const tls = settings.tls?.api && readTls(settings.tls.api, directory, '/tls/api');
  const tokens = (settings.tokens ?? []).map(parseToken);
  if (!isLoopback(listen.host)) {
    const missing = [...(tls ? [] : ['TLS (tls.api.cert and tls.api.key)']), ...(tokens.length > 0 ? [] : ['bearer tokens (tokens)'])];
    if (missing.length > 0) {
      throw new ConfigError(
        `the API would listen on ${listen.host}, which others can reach, without ${missing.join(' and ')}: add them to the --config file or listen on 127.0.0.1`,
      );
    }
  }
  const watchersMax = settings.limits?.watchersMax ?? 1000;
  return {
    listen,
    tls,
    tokens,
    bodyBytesMax: settings.limits?.bodyBytesMax ?? 16 * 1024 * 1024,
    requestsPerSecondMax: settings.limits?.requestsPerSecondMax,
    watchersMax,
    watchersPerTenantMax: settings.limits?.watchersPerTenantMax ?? Math.ceil(watchersMax / 10),
    watchBufferBytesMax: settings.limits?.watchBufferBytesMax ?? 4 * 1024 * 1024,
  };
}

function switchAccess(settings: Settings, directory: string): SwitchAccess {
  const listeners = {
    openflow: named('openflow', () => parseEndpoint(settings.openflow ?? '0.0.0.0:6653')),
    ovsdb: named('ovsdb', () => parseEndpoint(settings.ovsdb ?? '0.0.0.0:6640')),
    advertise: settings.advertise,
    underlayMtu: settings.underlayMtu ?? 1500,
  };
  const files = settings.tls?.switches;
  if (files && settings.insecureSwitches === true)
    throw new ConfigError('/tls/switches and insecureSwitches exclude each other: switches come over TLS or over plain tcp');
  if (files) {
    const { ca, ...own } = readTls(files, directory, '/tls/switches');
    if (ca === undefined) throw new ConfigError('/tls/switches/ca: missing; switches are known by certificates that this authority signed');
    return { kind: 'tls', tls: { ...own, ca }, ...listeners };
  }
  return settings.insecureSwitches === true ? { kind: 'plain', ...listeners } : { kind: 'off' };
}

function withoutMember({ memberId, memberListen, memberAdvertise, founders, join, joinToken, ...rest }: Overrides): {
  readonly member: MemberOverrides;
  readonly rest: Omit<Overrides, keyof MemberOverrides>;
} {
  return { member: definedOnly({ memberId, memberListen, memberAdvertise, founders, join, joinToken }) as MemberOverrides, rest };
}

function mergedMember(inFile: Settings['member'], overrides: MemberOverrides): Settings['member'] {
  const { memberId: id, memberListen: listen, memberAdvertise: advertise, founders, join, joinToken } = overrides;
  const given = definedOnly({
    id,
    listen,
    advertise,
    founders: founders === undefined ? undefined : parseFounders(founders),
    join,
    joinToken,
  });
  const merged = { ...inFile, ...given };
  return Object.keys(merged).length === 0 ? undefined : merged;
}

function parseFounders(text: string): Record<string, string> {
  return Object.fromEntries(
    text.split(',').map((each) => {
      const at = each.indexOf('=');
      if (at < 1) throw new ConfigError(`founders: "${each}" is no ID=HOST:PORT`);
      return [each.slice(0, at).trim(), each.slice(at + 1).trim()];
    }),
  );
}

const memberName = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

function memberConfig({ member: given, tls: files }: Settings, directory: string, api: ApiConfig): MemberConfig | undefined {
  // Whoever reaches loopback may do all there anyway: members find each other without being told how.
  const isOpen = isLoopback(api.listen.host) && api.tokens.length === 0 && api.tls?.ca === undefined;
  if (given === undefined && !isOpen) return undefined;
  const member = given ?? {};
  const { founders, join } = member;
  const tls = files?.members && memberTls(files.members, member.id, directory);
  const id = member.id ?? tls?.name;
  for (const name of [...(id === undefined ? [] : [id]), ...Object.keys(founders ?? {})]) {
    if (!memberName.test(name))
      throw new ConfigError(`/member: "${name}" cannot name a member: lower case letters, digits and dashes, 63 at most`);
  }
  for (const [name, address] of Object.entries(founders ?? {})) named(`/member/founders/${name}`, () => fixedEndpoint(address));
  const own = id === undefined ? undefined : founders?.[id];
  if (founders !== undefined && own === undefined) throw new ConfigError('/member/founders: this member (member.id) is not among them');
  if (founders !== undefined && join !== undefined)
    throw new ConfigError('/member: founders begin a cluster, join comes to one that is there: give one of them');
  if (join !== undefined && !(/^https?:\/\//.test(join) && URL.canParse(join)))
    throw new ConfigError(`/member/join: "${join}" is no http:// or https:// address`);
  const listen = member.listen ?? own;
  // Members elsewhere would look for it on their own loopback.
  const isFound = isOpen && (join === undefined || isLoopback(new URL(join).hostname));
  if (listen === undefined && !isFound) throw new ConfigError('/member/listen: missing; HOST:PORT where the other members connect');
  const endpoint = listen === undefined ? { host: api.listen.host, port: 0 } : named('/member/listen', () => fixedEndpoint(listen));
  const advertise = member.advertise ?? own ?? listen;
  const host = advertise && named('/member/advertise', () => fixedEndpoint(advertise)).host;
  if (host === '0.0.0.0' || host === '::')
    throw new ConfigError(`/member/advertise: missing; others cannot connect to ${advertise}, where this member listens`);
  if (tls === undefined && !isLoopback(endpoint.host))
    throw new ConfigError(
      `members would be believed whoever they are on ${listen}, which others can reach: give tls.members, or listen on 127.0.0.1`,
    );
  return { id, listen: endpoint, advertise, tls: tls?.tls, origin: originOf(member) };
}

function originOf({ listen, founders, join, joinToken }: NonNullable<Settings['member']>): MemberConfig['origin'] {
  if (founders !== undefined) return { kind: 'founder', founders };
  if (join !== undefined) return { kind: 'joining', server: join, token: joinToken };
  return { kind: listen === undefined ? 'alone' : 'unsaid' };
}

function fixedEndpoint(text: string): Endpoint {
  const endpoint = parseEndpoint(text);
  if (endpoint.port === 0) throw new ConfigError('the others must know the port: it cannot be 0');
  return endpoint;
}

function memberTls(
  files: { cert: string; key: string; ca?: string },
  id: string | undefined,
  directory: string,
): { readonly name: string | undefined; readonly tls: Tls & { readonly ca: string } } {
  const { ca, ...own } = readTls(files, directory, '/tls/members');
  if (ca === undefined) throw new ConfigError('/tls/members/ca: missing; members are known by certificates that this authority signed');
  const { subject } = named('/tls/members/cert', () => new X509Certificate(own.cert));
  const name = /^CN=(.*)$/m.exec(subject)?.[1];
  if (id !== undefined && name !== id)
    throw new ConfigError(`/tls/members/cert: it is the certificate of ${name}, and this member is ${id}`);
  if (!named('/tls/members/ca', () => isSignedBy(own.cert, ca)))
    throw new ConfigError('/tls/members/cert: no authority of /tls/members/ca has signed it: other members would not believe it');
  return { name, tls: { ...own, ca } };
}

function parseToken(settings: NonNullable<Settings['tokens']>[number], index: number): Token {
  const where = `/tokens/${index}`;
  if ((settings.token === undefined) === (settings.sha256 === undefined)) throw new ConfigError(`${where}: give either token or sha256`);
  const sha256 =
    settings.token === undefined ? Buffer.from(settings.sha256 ?? '', 'hex') : createHash('sha256').update(settings.token).digest();
  const name = settings.name ?? `${settings.role}-${index}`;
  if (settings.role !== 'tenant') {
    if (settings.tenant !== undefined) throw new ConfigError(`${where}/tenant: only a token of role "tenant" belongs to one`);
    return { name, sha256, role: settings.role };
  }
  if (settings.tenant === undefined) throw new ConfigError(`${where}/tenant: missing for a token of role "tenant"`);
  return { name, sha256, role: 'tenant', tenant: settings.tenant };
}

const inPem = (pem: string): X509Certificate[] =>
  (pem.match(/-----BEGIN CERTIFICATE-----[^]*?-----END CERTIFICATE-----/g) ?? []).map((each) => new X509Certificate(each));

const hasSigned = (issuer: X509Certificate, certificate: X509Certificate): boolean =>
  certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);

/** The first of a file, by one of the authorities or by way of those that stand behind it in the file. */
function isSignedBy(cert: string, authorities: string): boolean {
  const trusted = inPem(authorities);
  const [own, ...between] = inPem(cert);
  for (let last = own; last !== undefined;) {
    const signed = last;
    if (trusted.some((issuer) => hasSigned(issuer, signed))) return true;
    const at = between.findIndex((issuer) => hasSigned(issuer, signed));
    last = at < 0 ? undefined : between.splice(at, 1)[0];
  }
  return false;
}

function readTls(files: { cert: string; key: string; ca?: string }, directory: string, where: string): Tls {
  const read = (name: string, path: string): string => {
    try {
      return readFileSync(resolve(directory, path), 'utf8');
    } catch (cause) {
      throw new ConfigError(`${where}/${name}: ${reasonOf(cause)}`, { cause });
    }
  };
  return { cert: read('cert', files.cert), key: read('key', files.key), ca: files.ca === undefined ? undefined : read('ca', files.ca) };
}

/** YAML, of which JSON is a part. */
function readSettings(path: string): Settings {
  let parsed: unknown;
  try {
    parsed = parse(readFileSync(path, 'utf8'), { maxAliasCount: 0 }) ?? {};
  } catch (cause) {
    throw new ConfigError(`${path}: ${reasonOf(cause)}`, { cause });
  }
  checkShape(parsed, path);
  return parsed;
}

function checkShape(value: unknown, source: string): asserts value is Settings {
  if (Value.Check(Settings, value)) return;
  const problems = Value.Errors(Settings, value).map(
    (error) => `${error.instancePath || '/'}: ${error.message}${extraNames(error.params)}`,
  );
  throw new ConfigError(`${source}: ${problems.join('; ')}`);
}

function extraNames(params: object): string {
  return 'additionalProperties' in params ? ` (${String(params.additionalProperties)})` : '';
}

/** `WEIR_DATA` and so on equal the flags. */
const environmentNames = {
  data: 'WEIR_DATA',
  listen: 'WEIR_LISTEN',
  openflow: 'WEIR_OPENFLOW',
  ovsdb: 'WEIR_OVSDB',
  advertise: 'WEIR_ADVERTISE',
  store: 'WEIR_STORE',
  retention: 'WEIR_RETENTION',
  memberId: 'WEIR_MEMBER_ID',
  memberListen: 'WEIR_MEMBER_LISTEN',
  memberAdvertise: 'WEIR_MEMBER_ADVERTISE',
  founders: 'WEIR_FOUNDERS',
  join: 'WEIR_JOIN',
  joinToken: 'WEIR_JOIN_TOKEN',
} as const satisfies Partial<Record<keyof Overrides, string>>;

function environmentSettings(environment: Sources['environment']): Overrides {
  const named = Object.entries(environmentNames).map(([key, name]) => [key, environment[name]]);
  const insecure = environment['WEIR_INSECURE_SWITCHES'];
  if (insecure !== undefined && !['true', 'false', '1', '0'].includes(insecure))
    throw new ConfigError(`WEIR_INSECURE_SWITCHES: "${insecure}" is neither true nor false`);
  return definedOnly({
    ...Object.fromEntries(named),
    insecureSwitches: insecure === undefined ? undefined : insecure === 'true' || insecure === '1',
    logLevel: environment['WEIR_LOG_LEVEL'] as Overrides['logLevel'],
  });
}

function definedOnly<T extends object>(object: T): T {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as T;
}

/** Puts the name of the setting before what its parser says. */
function named<T>(name: string, parseSetting: () => T): T {
  try {
    return parseSetting();
  } catch (cause) {
    throw new ConfigError(`${name}: ${reasonOf(cause)}`, { cause });
  }
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Buffer.isBuffer(value)) {
    for (const part of Object.values(value)) deepFreeze(part);
    Object.freeze(value);
  }
  return value;
}
