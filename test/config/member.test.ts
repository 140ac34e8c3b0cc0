import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { pkiInit, pkiIssue } from '../../src/cli/pki.ts';
import { type Config, loadConfig, type Overrides } from '../../src/config/index.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'weir-config-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

function member(settings: object, flags: Overrides = {}, environment: Record<string, string> = {}): Config['member'] {
  writeFileSync(join(directory, 'weir.yaml'), JSON.stringify({ data: 'd', ...settings }));
  return loadConfig({ file: 'weir.yaml', flags, environment, workingDirectory: directory }).member;
}

const founders = { a: '127.0.0.1:6690', b: '127.0.0.1:6691', c: '127.0.0.1:6692' };

test('a founder listens where the list says, unless it says otherwise', () => {
  expect(member({ member: { id: 'b', founders } })).toEqual({
    id: 'b',
    listen: { host: '127.0.0.1', port: 6691 },
    advertise: '127.0.0.1:6691',
    tls: undefined,
    origin: { kind: 'founder', founders },
  });
  expect(member({ member: { id: 'b', founders } }, { memberListen: '127.0.0.2:1' })).toMatchObject({
    listen: { host: '127.0.0.2', port: 1 },
    advertise: '127.0.0.1:6691',
  });
  const list = 'a=127.0.0.1:6690, b=127.0.0.1:6691,c=127.0.0.1:6692';
  expect(member({}, {}, { WEIR_MEMBER_ID: 'c', WEIR_FOUNDERS: list })).toMatchObject({ id: 'c', origin: { kind: 'founder', founders } });
});

test('one that joins, and one that is alone and may grow', () => {
  const joining = { memberId: 'd', memberListen: '127.0.0.1:6693', join: 'https://127.0.0.1:6680' };
  expect(member({}, joining, { WEIR_JOIN_TOKEN: 'secret' })).toMatchObject({
    id: 'd',
    advertise: '127.0.0.1:6693',
    origin: { kind: 'joining', server: 'https://127.0.0.1:6680', token: 'secret' },
  });
  expect(member({ member: { listen: '[::1]:6690' } })).toMatchObject({
    id: undefined,
    advertise: '[::1]:6690',
    origin: { kind: 'unsaid' },
  });
});

test('on loopback, where every caller may do all, a member needs no word', () => {
  const anywhere = { id: undefined, listen: { host: '127.0.0.1', port: 0 }, advertise: undefined, tls: undefined };
  expect(member({})).toEqual({ ...anywhere, origin: { kind: 'alone' } });
  expect(member({ member: { id: 'a' } })).toEqual({ ...anywhere, id: 'a', origin: { kind: 'alone' } });
  const joining = { kind: 'joining', server: 'http://127.0.0.1:6680', token: undefined };
  expect(member({}, { join: joining.server })).toEqual({ ...anywhere, origin: joining });
  expect(member(guarded)).toBeUndefined();
  for (const name of ['cert', 'key', 'ca']) writeFileSync(join(directory, name), name);
  // Whoever has no certificate may do nothing at the API.
  expect(member({ tls: { api: { cert: 'cert', key: 'key', ca: 'ca' } } })).toBeUndefined();
  expect(member({ tls: { api: { cert: 'cert', key: 'key' } } })).toEqual({ ...anywhere, origin: { kind: 'alone' } });
});

const guarded = { tokens: [{ name: 'operator', role: 'platform', token: '0123456789abcdef0123456789abcdef' }] };

test.each<[object, Overrides, string]>([
  [{ member: { id: 'd', founders } }, {}, 'not among them'],
  [{ member: { founders } }, {}, 'not among them'],
  [{ member: { id: 'A', listen: '127.0.0.1:1' } }, {}, 'cannot name a member'],
  [{ member: { id: 'a', founders: { a: '127.0.0.1:0' } } }, {}, 'cannot be 0'],
  [{ member: { id: 'a', founders: { a: 'nowhere' } } }, {}, 'no HOST:PORT'],
  [{ member: { id: 'a', founders, join: 'http://127.0.0.1:6680' } }, {}, 'give one of them'],
  [{ member: { id: 'a', listen: '127.0.0.1:1', join: '127.0.0.1:6680' } }, {}, 'no http:// or https://'],
  [{ ...guarded, member: { id: 'a' } }, {}, '/member/listen: missing'],
  [guarded, { join: 'http://127.0.0.1:6680' }, '/member/listen: missing'],
  [{}, { join: 'http://192.0.2.1:6680' }, '/member/listen: missing'],
  [{}, { join: 'http://' }, 'no http:// or https://'],
  [{}, { memberAdvertise: 'nowhere' }, '/member/advertise'],
  [{ member: { id: 'a', listen: '0.0.0.0:6690' } }, {}, '/member/advertise: missing'],
  [{ member: { id: 'a', listen: '192.0.2.1:6690' } }, {}, 'give tls.members'],
  [{}, { founders: 'a' }, 'no ID=HOST:PORT'],
])('%j %j is refused', (settings, flags, reason) => {
  expect(() => member(settings, flags)).toThrow(reason);
});

test("the certificate is the member's, and its authority is known", async () => {
  const pki = join(directory, 'pki');
  mkdirSync(pki);
  await pkiInit({ dir: pki, name: 'authority', days: 30 }, Date.now());
  await pkiIssue({ dir: pki, purpose: 'controller', name: 'a', addresses: ['192.0.2.1'], days: 30 }, Date.now());
  const own = { cert: 'pki/a.crt', key: 'pki/a.key' };
  const settings = (id: string, members: object) => ({ member: { id, listen: '192.0.2.1:6690' }, tls: { members } });
  expect(member(settings('a', { ...own, ca: 'pki/ca.crt' }))?.tls?.cert).toContain('BEGIN CERTIFICATE');
  expect(() => member(settings('b', { ...own, ca: 'pki/ca.crt' }))).toThrow('it is the certificate of a, and this member is b');
  expect(() => member(settings('a', own))).toThrow('/tls/members/ca: missing');
  const nameless = { member: { listen: '192.0.2.1:6690', join: 'https://192.0.2.2:6680' }, tls: { members: { ...own, ca: 'pki/ca.crt' } } };
  expect(member(nameless)?.id).toBe('a');
  const other = join(directory, 'other');
  mkdirSync(other);
  await pkiInit({ dir: other, name: 'authority', days: 30 }, Date.now());
  expect(() => member(settings('a', { ...own, ca: 'other/ca.crt' }))).toThrow('/tls/members/cert: no authority of /tls/members/ca');
  writeFileSync(
    join(directory, 'both.crt'),
    ['other', 'pki'].map((each) => readFileSync(join(directory, each, 'ca.crt'), 'utf8')).join(''),
  );
  expect(member(settings('a', { ...own, ca: 'both.crt' }))?.id).toBe('a');
});
