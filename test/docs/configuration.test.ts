import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { parseArguments } from '../../src/cli/arguments.ts';
import { pkiInit, pkiIssue } from '../../src/cli/pki.ts';
import { type Config, loadConfig } from '../../src/config/index.ts';
import { Settings } from '../../src/config/schema.ts';
import { documentTable } from '../support/document-table.ts';

/** docs/configuration.md says what the program takes, no more and no less; the files of deploy/config are taken. */

const root = join(import.meta.dirname, '../..');
const rows = documentTable('configuration.md', 'setting').map(([key = '', flag = '', environment = '', standard = '', bounds = '']) => ({
  key,
  flag,
  environment,
  standard,
  bounds,
}));

interface Schema {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly anyOf?: readonly { readonly const?: string }[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
}

function leavesOf(schema: Schema, path: string): [string, Schema][] {
  if (schema.properties !== undefined)
    return Object.entries(schema.properties).flatMap(([name, each]) => leavesOf(each, path === '' ? name : `${path}.${name}`));
  return schema.items === undefined ? [[path, schema]] : leavesOf(schema.items, `${path}[]`);
}

const leaves = new Map(leavesOf(Settings, ''));
const named = (pattern: RegExp, text: string): string[] => [...text.matchAll(pattern)].map(([, name = '']) => name);
const help = (() => {
  const said = parseArguments(['serve', '--help'], { environment: {}, workingDirectory: '/', version: '0' });
  return said.kind === 'say' ? said.text : '';
})();

let directory: string;
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'weir-configuration-'));
  const dir = join(directory, 'pki');
  await pkiInit({ dir, name: 'the authority', days: 30 }, Date.now());
  for (const name of ['weir', 'a']) await pkiIssue({ dir, purpose: 'controller', name, addresses: ['10.0.0.1'], days: 30 }, Date.now());
});
afterAll(() => rmSync(directory, { recursive: true }));

function load(settings: object, environment: Record<string, string> = {}): Config {
  writeFileSync(join(directory, 'weir.json'), JSON.stringify(settings));
  return loadConfig({ file: 'weir.json', flags: {}, environment, workingDirectory: directory });
}

test('every setting has a row, and every row is a setting', () => {
  expect(rows.map(({ key }) => key).toSorted()).toEqual([...leaves.keys()].toSorted());
});

test('flags and environment are those of the command', () => {
  const given = (names: readonly string[]): string[] => names.filter((name) => name !== '').toSorted();
  const flags = named(/^ {2}(--[a-z-]+)/gm, help).filter((name) => name !== '--config');
  expect(given(rows.map(({ flag }) => flag))).toEqual(flags.toSorted());
  const variables = new Set(named(/(WEIR_[A-Z_]+)/g, help.replaceAll(/\s+/g, ' ')));
  variables.delete('WEIR_CONFIG');
  expect(given(rows.map(({ environment }) => environment))).toEqual([...variables].toSorted());
});

describe('what is named as the default is what holds without the setting', () => {
  const withDefault = rows.filter(({ standard }) => standard !== '');
  test.each(withDefault.map((row) => [row.key, row.standard]))('%s: %s', (key, standard) => {
    const base = { data: 'd', ...(key === 'insecureSwitches' ? {} : { insecureSwitches: true }), log: { policyFile: 'records' } };
    const [outer = '', inner] = key.split('.');
    const value: unknown = parse(standard);
    const present = (base as Readonly<Record<string, unknown>>)[outer];
    const stated = { ...base, [outer]: inner === undefined ? value : { ...(present as object), [inner]: value } };
    expect(load(stated)).toEqual(load(base));
  });
});

test('bounds are those that are checked', () => {
  const wrong = rows.flatMap(({ key, bounds }) => {
    const { minimum, maximum, anyOf = [] } = leaves.get(key) ?? {};
    const words = [minimum, maximum].filter((bound) => bound !== undefined).map(String);
    const choices = anyOf.map((choice) => `\`${choice.const}\``);
    const isSaid = words.every((word) => bounds.split(' ').includes(word)) && choices.every((choice) => bounds.includes(choice));
    return isSaid ? [] : [`${key}: ${bounds}`];
  });
  expect(wrong).toEqual([]);
});

test('a setting of the environment goes before the file', () => {
  const values: Readonly<Record<string, string>> = {
    WEIR_DATA: '/elsewhere',
    WEIR_LISTEN: '127.0.0.1:7000',
    WEIR_OVSDB: '127.0.0.1:7001',
    WEIR_OPENFLOW: '127.0.0.1:7002',
    WEIR_INSECURE_SWITCHES: 'true',
    WEIR_ADVERTISE: '192.0.2.1',
    WEIR_STORE: 'etcd://192.0.2.2',
    WEIR_RETENTION: '1h',
    WEIR_LOG_LEVEL: 'warn',
    WEIR_MEMBER_ID: 'z',
    WEIR_MEMBER_LISTEN: '127.0.0.1:7003',
    WEIR_MEMBER_ADVERTISE: '127.0.0.1:7004',
    WEIR_FOUNDERS: 'm=127.0.0.1:7005',
    WEIR_JOIN: 'http://127.0.0.1:7006',
    WEIR_JOIN_TOKEN: 'another-secret-0123',
  };
  const alone = { data: 'd', member: { id: 'm', listen: '127.0.0.1:1' } };
  const joining = { data: 'd', member: { id: 'm', listen: '127.0.0.1:1', join: 'http://127.0.0.1:2' } };
  for (const { environment: name } of rows.filter(({ environment }) => environment !== '')) {
    const base = name === 'WEIR_JOIN_TOKEN' ? joining : alone;
    const needed: Record<string, string> = ['WEIR_OVSDB', 'WEIR_OPENFLOW', 'WEIR_ADVERTISE'].includes(name)
      ? { WEIR_INSECURE_SWITCHES: '1' }
      : {};
    expect({ name, ...load(base, { ...needed, [name]: values[name] ?? '' }) }).not.toEqual({ name, ...load(base, needed) });
  }
});

test.each(['one.yaml', 'three.yaml'])('deploy/config/%s is a configuration', (name) => {
  const environment = {};
  const file = join(root, 'deploy/config', name);
  const copy = join(directory, name);
  writeFileSync(copy, readFileSync(file));
  const config = loadConfig({ file: copy, flags: {}, environment, workingDirectory: '/' });
  expect(config.dataDirectory).toBe('/var/lib/weir');
  expect(config.switches.kind).toBe('tls');
  expect(config.member?.origin.kind).toBe(name === 'three.yaml' ? 'founder' : undefined);
});
