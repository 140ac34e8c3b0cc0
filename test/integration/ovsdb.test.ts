import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { afterEach, beforeAll, afterAll, describe, expect, test, vi } from 'vitest';
import { dialOvsdb, listenOvsdb } from '../../flows/io/ovsdb.ts';
import type { DialOptions, ListenOptions, OvsdbConnection, OvsdbEnd, OvsdbTarget, OvsdbTls } from '../../flows/io/ovsdb.ts';
import { decodeValue, sameValue } from '../../flows/ovsdb/column.ts';
import type { Value } from '../../flows/ovsdb/column.ts';
import { raiseEpoch, Replica, storedEpoch, TransactionBuilder } from '../../flows/ovsdb/index.ts';
import type { JsonValue, Row, TableName } from '../../flows/ovsdb/index.ts';
import { columnsOf, tableNames } from '../../flows/ovsdb/tables.ts';
import { freePorts } from '../support/ports.ts';
import { eventually, OvsdbSwitch } from './ovsdb-switch.ts';
import { RefusingProxy } from './ovsdb-refusing-proxy.ts';

const cleanups: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

/** What a dialler or listener told. */
class Witness {
  readonly connections: OvsdbConnection[] = [];
  readonly ends: OvsdbEnd[] = [];
  readonly onConnection = (connection: OvsdbConnection): void => void this.connections.push(connection);
  readonly onEnd = (end: OvsdbEnd): void => void this.ends.push(end);

  connection(number = 1): Promise<OvsdbConnection> {
    return eventually(() => this.connections[number - 1]);
  }
}

function dial(target: OvsdbTarget, options: DialOptions = {}): Witness {
  const witness = new Witness();
  const dialer = dialOvsdb(target, witness, { backoffMs: { first: 20, longest: 200 }, ...options });
  cleanups.push(() => dialer.close());
  return witness;
}

async function listen(options: Partial<ListenOptions> = {}): Promise<Witness & { port: number }> {
  const witness = new Witness();
  const listener = await listenOvsdb({ host: '127.0.0.1', port: 0, ...options }, witness);
  cleanups.push(() => listener.close());
  return Object.assign(witness, { port: listener.port });
}

/** Differences between the replica and what `ovsdb-client dump` says; empty when they are equal. */
function differences(replica: Replica, server: OvsdbSwitch): string[] {
  const found: string[] = [];
  for (const table of tableNames) {
    const dump = server.dump(
      table,
      columnsOf(table).map(([name]) => name),
    );
    const rows = replica.rows(table) as ReadonlyMap<string, Row>;
    if (rows.size !== dump.size) found.push(`${table} has ${rows.size} rows for ${dump.size}`);
    for (const [uuid, columns] of dump) {
      const row = rows.get(uuid) as unknown as Readonly<Record<string, Value>> | undefined;
      for (const [name, type] of columnsOf(table)) {
        const wanted = decodeValue(type, columns[name] as JsonValue);
        if (!row || !sameValue(row[name], wanted)) found.push(`${table} ${uuid} ${name}`);
      }
    }
  }
  return found;
}

async function expectEqual(replica: Replica, server: OvsdbSwitch): Promise<void> {
  await vi.waitFor(() => expect(differences(replica, server)).toEqual([]), { timeout: 60_000, interval: 20 });
}

/** Deterministic choices from a seed (mulberry32). */
function choices(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

/** One random change by Open vSwitch's own tool, of every kind of column. */
function randomCommand(choose: (below: number) => number): string[] {
  const bridge = `br${choose(4)}`;
  const port = `p${choose(8)}`;
  const commands: string[][] = [
    ['--may-exist', 'add-br', bridge],
    ['--if-exists', 'del-br', bridge],
    [
      '--may-exist',
      'add-br',
      bridge,
      '--',
      '--if-exists',
      'del-port',
      port,
      '--',
      'add-port',
      bridge,
      port,
      '--',
      'set',
      'Interface',
      port,
      `external_ids:iface-id=v${choose(100)}`,
    ],
    ['--if-exists', 'del-port', port],
    [
      '--if-exists',
      'set',
      'Interface',
      port,
      'type=vxlan',
      'options:remote_ip=flow',
      `options:key=${choose(9)}`,
      `ofport_request=${1 + choose(60000)}`,
    ],
    ['--if-exists', 'remove', 'Interface', port, 'options', 'key'],
    ['--if-exists', 'clear', 'Interface', port, 'external_ids', '--', '--if-exists', 'clear', 'Interface', port, 'ofport_request'],
    [
      '--if-exists',
      'set',
      'Bridge',
      bridge,
      'protocols=OpenFlow13,OpenFlow15',
      'fail_mode=secure',
      `other_config:x="ä ${choose(5)} \\"q\\""`,
    ],
    ['--if-exists', 'clear', 'Bridge', bridge, 'protocols'],
    ['--may-exist', 'add-br', bridge, '--', 'set-controller', bridge, `tcp:10.0.0.${choose(4)}`, `tcp:10.0.1.${choose(4)}`],
    ['--may-exist', 'add-br', bridge, '--', 'del-controller', bridge],
    ['set', 'Open_vSwitch', '.', `external_ids:k${choose(5)}=${choose(1000)}`, `next_cfg=${choose(2) ? choose(1000) : '9007199254740995'}`],
    ['remove', 'Open_vSwitch', '.', 'external_ids', `k${choose(5)}`],
    [
      '--if-exists',
      'set',
      'Port',
      port,
      'qos=@q',
      '--',
      '--id=@q',
      'create',
      'QoS',
      'type=linux-htb',
      'queues:1=@u',
      '--',
      '--id=@u',
      'create',
      'Queue',
      `other_config:max-rate=${choose(1e6)}`,
      'dscp=10',
    ],
    ['--', '--all', 'destroy', 'QoS', '--', '--all', 'destroy', 'Queue'],
    ['--if-exists', 'set', 'Port', port, `tag=${choose(4096)}`],
    ['set-manager', `ptcp:${20000 + choose(3)}:127.0.0.1`],
  ];
  return commands[choose(commands.length)] ?? [];
}

describe('the replica equals the database', () => {
  test.each<[string, readonly string[], boolean]>([
    ['monitor_cond_since of a standalone database', [], false],
    ['monitor_cond_since of a clustered database, which keeps history', [], true],
    ['monitor_cond', ['monitor_cond_since'], false],
    ['monitor', ['monitor_cond_since', 'monitor_cond'], false],
  ])('through %s, over disconnects', async (_name, refused, clustered) => {
    const server = await OvsdbSwitch.start({ clustered });
    cleanups.push(() => server.stop());
    const proxy = await new RefusingProxy(join(server.directory, 'proxy.sock'), server.socketPath, new Set(refused)).listen();
    cleanups.push(() => proxy.close());
    const witness = dial({ kind: 'unix', path: proxy.path });
    const { replica } = await witness.connection();
    const choose = choices(7);
    for (let round = 1; round <= 8; round++) {
      for (let index = 0; index < 12; index++) await server.vsctl(...randomCommand(choose)).catch(() => undefined);
      await expectEqual(replica, server);
      if (round % 2 === 0) {
        proxy.cut();
        await server.vsctl('set', 'Open_vSwitch', '.', `external_ids:while-away=${round}`);
        if (round === 4) await server.vsctl('--if-exists', 'del-br', 'br0', '--', '--may-exist', 'add-br', 'br9');
        await witness.connection(round / 2 + 1);
      }
    }
    await expectEqual(replica, server);
    expect(replica.root?.external_ids.get('while-away')).toBe('8');
    expect(new Set(witness.ends.map(({ code }) => code))).toEqual(new Set(['peer-closed']));
  });

  test('and the changes told, added up, are the replica', async () => {
    const server = await OvsdbSwitch.start();
    cleanups.push(() => server.stop());
    const connection = await dial({ kind: 'unix', path: server.socketPath }).connection();
    const sum = new Map<string, Row>();
    for (const table of tableNames) for (const [uuid, row] of connection.replica.rows(table)) sum.set(uuid, row);
    connection.onChange((changes) => {
      for (const { uuid, before, after } of changes) {
        expect(sum.get(uuid)).toBe(before);
        if (after) sum.set(uuid, after);
        else sum.delete(uuid);
      }
    });
    const choose = choices(11);
    for (let index = 0; index < 60; index++) await server.vsctl(...randomCommand(choose)).catch(() => undefined);
    await expectEqual(connection.replica, server);
    const rows = tableNames.flatMap((table: TableName) => [...connection.replica.rows(table).values()]);
    expect(new Set(sum.values())).toEqual(new Set(rows));
  });

  test('a server that is restarted is found again', async () => {
    const server = await OvsdbSwitch.start();
    cleanups.push(() => server.stop());
    const witness = dial({ kind: 'unix', path: server.socketPath });
    const { replica } = await witness.connection();
    await server.stopServer();
    await server.startServer();
    await witness.connection(2);
    await server.vsctl('add-br', 'br0');
    await expectEqual(replica, server);
    expect(witness.ends[0]).toMatchObject({ code: 'peer-closed', synced: true });
  });
});

describe('transactions', () => {
  let server: OvsdbSwitch;
  let connection: OvsdbConnection;
  let stop: () => void;
  beforeAll(async () => {
    server = await OvsdbSwitch.start();
    const witness = new Witness();
    stop = () => dialer.close();
    const dialer = dialOvsdb({ kind: 'unix', path: server.socketPath }, witness);
    connection = await witness.connection();
  });
  afterAll(async () => {
    stop();
    await server.stop();
  });

  const raise = async (epoch: number): Promise<string> => {
    const step = raiseEpoch(connection.replica, epoch);
    return step?.kind === 'raise' ? (await connection.transact(step.operations)).kind : String(step?.kind);
  };
  const builder = (): TransactionBuilder => new TransactionBuilder(storedEpoch(connection.replica) ?? 0);
  const addBridge = (into: TransactionBuilder, name: string): TransactionBuilder =>
    into.addTo('Open_vSwitch', connection.replica.root?.uuid ?? '', 'bridges', [
      into.insert('Bridge', { name, external_ids: { a: 'b' }, protocols: ['OpenFlow13'] }),
    ]);

  test('an epoch is raised by compare-and-set, held, and never lowered', async () => {
    await server.vsctl('set', 'Open_vSwitch', '.', 'external_ids:system-id="a \\" b"', 'external_ids:other=1');
    await eventually(() => connection.replica.root?.external_ids.has('other'));
    expect(await raise(5)).toBe('committed');
    expect(await raise(5)).toBe('current');
    expect(await raise(7)).toBe('committed');
    expect(await raise(6)).toBe('superseded');
    expect(await server.vsctl('get', 'Open_vSwitch', '.', 'external_ids')).toBe('{other="1", system-id="a \\" b", weir-epoch="7"}\n');
  });

  test('of two members that raise at once one wins', async () => {
    const [first, second] = [raiseEpoch(connection.replica, 8), raiseEpoch(connection.replica, 9)];
    if (first?.kind !== 'raise' || second?.kind !== 'raise') throw new Error('neither is current');
    const results = await Promise.all([connection.transact(second.operations), connection.transact(first.operations)]);
    expect(results).toMatchObject([{ kind: 'committed' }, { kind: 'refused', code: 'fenced' }]);
    expect(storedEpoch(connection.replica)).toBe(9);
  });

  test('a stale owner is fenced and changes nothing', async () => {
    const result = await connection.transact(addBridge(new TransactionBuilder(8), 'stale').build());
    expect(result).toMatchObject({ kind: 'refused', code: 'fenced', operation: 0 });
    expect(connection.replica.find('Bridge', ({ name }) => name === 'stale')).toBeUndefined();
  });

  test('insert, and what was changed is in the replica before the result', async () => {
    const result = await connection.transact(addBridge(builder(), 'new').raiseNextCfg().build());
    expect(result).toMatchObject({ kind: 'committed', nextCfg: connection.replica.root?.next_cfg });
    const row = connection.replica.find('Bridge', ({ name }) => name === 'new');
    expect(row).toMatchObject({ external_ids: new Map([['a', 'b']]), protocols: ['OpenFlow13'] });
  });

  test('update, mutate and delete one row only', async () => {
    const row = connection.replica.find('Bridge', ({ name }) => name === 'new');
    if (!row) throw new Error('the bridge stands');
    const change = builder().guardRow('Bridge', row, ['name', 'external_ids', 'protocols', 'fail_mode', 'other_config', 'ports']);
    change.update('Bridge', row.uuid, { fail_mode: 'secure' }).setKeys('Bridge', row.uuid, 'external_ids', { a: 'c', d: 'e' });
    change
      .addTo('Bridge', row.uuid, 'protocols', ['OpenFlow14'])
      .removeFrom('Bridge', row.uuid, 'protocols', ['OpenFlow13'])
      .comment('changed');
    expect(await connection.transact(change.build())).toMatchObject({ kind: 'committed' });
    const after = connection.replica.row('Bridge', row.uuid);
    expect(after).toMatchObject({
      fail_mode: 'secure',
      external_ids: new Map([
        ['a', 'c'],
        ['d', 'e'],
      ]),
      protocols: ['OpenFlow14'],
    });
    const removal = builder()
      .removeKeys('Bridge', row.uuid, 'external_ids', ['a'])
      .removeFrom('Open_vSwitch', connection.replica.root?.uuid ?? '', 'bridges', [row.uuid]);
    expect(await connection.transact(removal.build())).toMatchObject({ kind: 'committed' });
    expect(connection.replica.row('Bridge', row.uuid)).toBeUndefined();
    const queue = builder();
    queue.insert('Queue', { dscp: 10, other_config: { 'max-rate': '1' } });
    expect(await connection.transact(queue.build())).toMatchObject({ kind: 'committed' });
    const [made] = connection.replica.rows('Queue').values();
    expect(
      await connection.transact(
        builder()
          .delete('Queue', made?.uuid ?? '')
          .build(),
      ),
    ).toMatchObject({ kind: 'committed' });
    expect(connection.replica.rows('Queue').size).toBe(0);
  });

  test('a decision on what has changed since is refused by its guard', async () => {
    const root = connection.replica.root;
    if (!root) throw new Error('the root stands');
    await server.vsctl('set', 'Open_vSwitch', '.', 'next_cfg=4242');
    const stale = builder().guardRow('Open_vSwitch', root, ['next_cfg']).update('Open_vSwitch', root.uuid, { cur_cfg: 1 });
    expect(await connection.transact(stale.build())).toMatchObject({ kind: 'refused', code: 'guard-failed', operation: 1 });
  });

  test('errors have names', async () => {
    await server.vsctl('add-br', 'taken');
    expect(await connection.transact(addBridge(builder(), 'taken').build())).toMatchObject({
      kind: 'refused',
      code: 'constraint-violation',
    });
    expect(await connection.transact(addBridge(builder().guardNoName('Bridge', 'taken'), 'taken').build())).toMatchObject({
      code: 'guard-failed',
    });
    const root = connection.replica.root?.uuid ?? '';
    const dangling = builder().addTo('Open_vSwitch', root, 'bridges', ['99999999-0000-4000-8000-000000000000']);
    expect(await connection.transact(dangling.build())).toMatchObject({ code: 'referential-integrity-violation' });
    const undeclared = builder().insert('Bridge', { name: 'x', fail_mode: 'sometimes' });
    expect(undeclared).toEqual({ namedUuid: 'row0' });
    const wrong = builder();
    wrong.insert('Bridge', { name: 'x', fail_mode: 'sometimes' });
    expect(await connection.transact(wrong.build())).toMatchObject({ code: 'constraint-violation', operation: 1 });
  });

  test('many at once keep their order', async () => {
    const root = connection.replica.root?.uuid ?? '';
    const results = await Promise.all(
      Array.from({ length: 100 }, (_, index) => connection.transact(builder().update('Open_vSwitch', root, { cur_cfg: index }).build())),
    );
    expect(new Set(results.map(({ kind }) => kind))).toEqual(new Set(['committed']));
    expect(connection.replica.root?.cur_cfg).toBe(99);
  });

  test('in flight at a disconnect their outcome is unknown, behind it they are not sent', async () => {
    const pid = Number(readFileSync(join(server.directory, 'ovsdb-server.pid'), 'utf8'));
    process.kill(pid, 'SIGSTOP');
    const results = Promise.all([connection.transact(builder().comment('a').build()), connection.transact(builder().comment('b').build())]);
    let ended: OvsdbEnd | undefined;
    connection.onClosed((end) => (ended = end));
    connection.close();
    expect(await results).toMatchObject([{ kind: 'unknown' }, { kind: 'unknown' }]);
    expect(ended).toMatchObject({ code: 'closed-here', synced: true });
    expect(await connection.transact(builder().build())).toEqual({ kind: 'unsent', reason: 'closed' });
    process.kill(pid, 'SIGCONT');
  });
});

/** A certificate authority and certificates that it signed, by openssl. */
function makePki(): { directory: string; issue: (name: string) => OvsdbTls & { files: readonly [string, string, string] } } {
  const directory = mkdtempSync(join(tmpdir(), 'weir-pki-'));
  const openssl = (...parameters: string[]): void => void execFileSync('openssl', parameters, { cwd: directory, stdio: 'pipe' });
  openssl('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', 'ca.key', '-out', 'ca.pem', '-days', '2', '-subj', '/CN=Test CA');
  const issue = (name: string): OvsdbTls & { files: readonly [string, string, string] } => {
    openssl('req', '-newkey', 'rsa:2048', '-nodes', '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`);
    openssl(
      'x509',
      '-req',
      '-in',
      `${name}.csr`,
      '-CA',
      'ca.pem',
      '-CAkey',
      'ca.key',
      '-CAcreateserial',
      '-days',
      '2',
      '-out',
      `${name}.pem`,
    );
    const files = [`${name}.key`, `${name}.pem`, 'ca.pem'].map((file) => join(directory, file)) as [string, string, string];
    const [key, cert, ca] = files.map((file) => readFileSync(file, 'utf8')) as [string, string, string];
    return { key, cert, ca, files };
  };
  return { directory, issue };
}

describe('a switch dials us', () => {
  test('over TCP, again and again', async () => {
    const server = await OvsdbSwitch.start();
    cleanups.push(() => server.stop());
    const listener = await listen();
    await server.vsctl('set-manager', `tcp:127.0.0.1:${listener.port}`, '--', 'set', 'Manager', '.', 'max_backoff=1000');
    const first = await listener.connection();
    expect(first).toMatchObject({ peerAddress: '127.0.0.1', certificateNames: [] });
    await expectEqual(first.replica, server);
    first.close();
    const second = await listener.connection(2);
    await server.vsctl('add-br', 'br0');
    await expectEqual(second.replica, server);
    expect(listener.ends).toMatchObject([{ code: 'closed-here', synced: true }]);
  });

  test('over TLS with a certificate that names it', async () => {
    const pki = makePki();
    cleanups.push(() => rmSync(pki.directory, { recursive: true }));
    const listener = await listen({ tls: pki.issue('weir') });
    const server = await OvsdbSwitch.start();
    cleanups.push(() => server.stop());
    await server.vsctl('set-ssl', ...pki.issue('host-1').files);
    await server.vsctl('set-manager', `ssl:127.0.0.1:${listener.port}`);
    const connection = await listener.connection();
    expect(connection).toMatchObject({ certificateName: 'host-1', certificateNames: ['host-1'] });
    await server.vsctl('add-br', 'br0');
    await expectEqual(connection.replica, server);
  });

  test('not without a certificate of our authority', async () => {
    const [ours, theirs] = [makePki(), makePki()];
    cleanups.push(() => [ours, theirs].forEach(({ directory }) => rmSync(directory, { recursive: true })));
    const listener = await listen({ tls: ours.issue('weir') });
    const forged = { ...theirs.issue('host-1'), ca: ours.issue('x').ca };
    for (const credentials of [forged, {}]) {
      const socket = connectTls({ host: '127.0.0.1', port: listener.port, rejectUnauthorized: false, ...credentials });
      await new Promise<void>((resolve) => socket.on('error', () => undefined).on('close', () => resolve()));
    }
    const plain = connect(listener.port, '127.0.0.1');
    plain.on('error', () => undefined).write('{"method":"echo","id":1,"params":[]}');
    await eventually(() => listener.ends.length >= 3);
    expect(new Set(listener.ends.map(({ peerAddress, code, synced }) => `${peerAddress} ${code} ${synced}`))).toEqual(
      new Set(['127.0.0.1 tls false']),
    );
    expect(listener.ends).toHaveLength(3);
    expect(listener.connections).toEqual([]);
  });
});

describe('we dial a switch over TLS', () => {
  test('that shows a certificate of our authority', async () => {
    const pki = makePki();
    cleanups.push(() => rmSync(pki.directory, { recursive: true }));
    const server = await OvsdbSwitch.start();
    cleanups.push(() => server.stop());
    const [port = 0] = await freePorts(1);
    await server.vsctl('set-ssl', ...pki.issue('host-2').files);
    await server.vsctl('set-manager', `pssl:${port}:127.0.0.1`);
    const connection = await dial({ kind: 'ssl', host: '127.0.0.1', port, tls: pki.issue('weir') }).connection();
    expect(connection).toMatchObject({ certificateName: 'host-2', peerAddress: '127.0.0.1' });
    await expectEqual(connection.replica, server);
  });

  test('and try again while nobody is there', async () => {
    const witness = dial({ kind: 'tcp', host: '127.0.0.1', port: 1 });
    await eventually(() => witness.ends.length >= 3);
    expect(witness.ends[0]).toMatchObject({
      code: 'socket-error',
      synced: false,
      reason: expect.stringContaining('ECONNREFUSED') as string,
    });
  });
});

describe('a broken or hostile peer costs its own connection, with the reason', () => {
  /** None of which passes before the one that is asked for, however slow the machine. */
  const patience = { handshakeTimeoutMs: 60_000, probeIntervalMs: 60_000, messageTimeoutMs: 60_000 };
  const limits = { ...patience, sendQueueBytesMax: 200_000, messagesPerSecondMax: 100 };

  test.each<[string, string, (write: (text: string) => void) => void | NodeJS.Timeout, Partial<typeof patience>?]>([
    ['rubbish', 'malformed', (write) => write('GET / HTTP/1.1\r\n\r\n')],
    ['broken JSON', 'malformed', (write) => write('{"id":1,"result":[}')],
    ['endless nesting', 'malformed', (write) => write('['.repeat(100_000))],
    ['an endless message', 'malformed', (write) => write(`{"id":"${'x'.repeat(20_000_000)}`)],
    ['no message', 'protocol', (write) => write('{"hello":1}')],
    ['silence', 'handshake-timeout', () => undefined, { handshakeTimeoutMs: 600, probeIntervalMs: 400 }],
    ['a dripping message', 'message-timeout', (write) => setInterval(write, 50, '['), { messageTimeoutMs: 400 }],
    ['a flood', 'flood', (write) => write('{"method":"x","params":[]}'.repeat(5000))],
    [
      'a handshake of echoes',
      'handshake-timeout',
      (write) => setInterval(write, 50, '{"method":"echo","id":1,"params":[]}'),
      { handshakeTimeoutMs: 600 },
    ],
  ])('%s', async (_name, code, misbehave, impatience = {}) => {
    const listener = await listen({ limits: { ...limits, ...impatience } });
    const socket = connect(listener.port, '127.0.0.1');
    socket.on('error', () => undefined).on('data', () => undefined);
    const timer = misbehave((text) => void socket.write(text));
    cleanups.push(() => {
      if (timer) clearInterval(timer);
      socket.destroy();
    });
    await eventually(() => listener.ends.length > 0);
    expect(listener.ends).toMatchObject([{ code, peerAddress: '127.0.0.1', synced: false }]);
  });

  test('a peer that asks and never reads', async () => {
    const listener = await listen({
      limits: { ...limits, messagesPerSecondMax: 100_000 },
    });
    const socket = connect(listener.port, '127.0.0.1');
    cleanups.push(() => void socket.destroy());
    socket.pause().on('error', () => undefined);
    const question = `{"method":"echo","id":1,"params":["${'x'.repeat(50_000)}"]}`;
    const timer = setInterval(() => socket.writableLength < 1e6 && socket.write(question.repeat(5)), 1);
    cleanups.push(() => clearInterval(timer));
    await eventually(() => listener.ends.length > 0);
    expect(listener.ends[0]?.code).toBe('send-queue-full');
  });

  test('too many connections from one address, while an honest switch works', async () => {
    const server = await OvsdbSwitch.start();
    cleanups.push(() => server.stop());
    const listener = await listen({ connectionsPerAddressMax: 5 });
    await server.vsctl('set-manager', `tcp:127.0.0.1:${listener.port}`);
    const connection = await listener.connection();
    const sockets = Array.from({ length: 10 }, () => connect(listener.port, '127.0.0.1').on('error', () => undefined));
    cleanups.push(() => sockets.forEach((socket) => socket.destroy()));
    await eventually(() => listener.ends.filter(({ code }) => code === 'too-many').length === 6);
    await server.vsctl('add-br', 'br0');
    await expectEqual(connection.replica, server);
  });

  test('a switch that falls silent is cut', async () => {
    const server = await OvsdbSwitch.start();
    const witness = dial({ kind: 'unix', path: server.socketPath }, { limits: { ...limits, probeIntervalMs: 300 } });
    await witness.connection();
    const pid = Number(readFileSync(join(server.directory, 'ovsdb-server.pid'), 'utf8'));
    cleanups.push(async () => {
      process.kill(pid, 'SIGCONT');
      await server.stop();
    });
    process.kill(pid, 'SIGSTOP');
    expect(await eventually(() => witness.ends.find(({ synced }) => synced))).toMatchObject({ code: 'inactive' });
  });
});
