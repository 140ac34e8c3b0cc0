import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { freePorts } from '../../../src/lab/index.ts';

const run = promisify(execFile);

export interface Load {
  readonly rate: number;
  readonly p50: number;
  readonly p99: number;
}

/** A store of several processes that can be loaded, and is gone afterwards. */
export interface Subject {
  load(clients: number, count: number): Promise<Load>;
  close(): Promise<void>;
}

/** However this process ends. */
function endWithUs(children: readonly ChildProcess[]): void {
  process.once('exit', () => {
    for (const child of children) child.kill('SIGKILL');
  });
}

async function end(children: readonly ChildProcess[]): Promise<void> {
  await Promise.all(
    children.map(
      (child) =>
        new Promise<void>((resolve) => {
          if (child.exitCode !== null) resolve();
          child.once('exit', () => resolve());
          child.kill('SIGTERM');
        }),
    ),
  );
}

async function loadBy(script: string, args: readonly string[]): Promise<Load> {
  const { stdout } = await run(process.execPath, [join(import.meta.dirname, script), ...args]);
  return JSON.parse(stdout) as Load;
}

export async function startWeir(directory: string, members: number): Promise<Subject> {
  const ports = await freePorts(members + 1);
  const ids = [...Array.from({ length: members }, (_, at) => `m${at + 1}`), 'client'];
  const addresses = JSON.stringify(Object.fromEntries(ids.map((id, at) => [id, `127.0.0.1:${ports[at]}`])));
  const children: ChildProcess[] = [];
  endWithUs(children);
  const leader = await new Promise<string>((resolve) => {
    for (const id of ids.slice(0, members)) {
      const child = spawn(process.execPath, [join(import.meta.dirname, 'member.ts'), id, join(directory, id), addresses], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      children.push(child);
      createInterface(child.stdout).on('line', (line) => {
        if (line === 'leads') resolve(id);
      });
    }
  });
  return {
    load: (clients, count) => loadBy('client.ts', [leader, addresses, String(clients), String(count)]),
    close: () => end(children),
  };
}

interface EtcdStatus {
  readonly Endpoint: string;
  readonly Status: { readonly leader: number; readonly header: { readonly member_id: number } };
}

export async function startEtcd(directory: string, members: number): Promise<Subject> {
  const ports = await freePorts(2 * members);
  const names = Array.from({ length: members }, (_, at) => `n${at + 1}`);
  const clientUrl = (at: number): string => `http://127.0.0.1:${ports[at]}`;
  const peerUrl = (at: number): string => `http://127.0.0.1:${ports[members + at]}`;
  const cluster = names.map((name, at) => `${name}=${peerUrl(at)}`).join(',');
  const children = names.map((name, at) =>
    spawn(
      'etcd',
      [
        ['--name', name],
        ['--data-dir', join(directory, name)],
        ['--listen-client-urls', clientUrl(at)],
        ['--advertise-client-urls', clientUrl(at)],
        ['--listen-peer-urls', peerUrl(at)],
        ['--initial-advertise-peer-urls', peerUrl(at)],
        ['--initial-cluster', cluster],
        ['--log-level', 'error'],
      ].flat(),
      { stdio: 'ignore' },
    ),
  );
  endWithUs(children);
  const endpoint = await etcdLeader(names.map((_, at) => clientUrl(at)));
  return {
    load: (clients, count) => loadBy('etcd-client.ts', [endpoint, String(clients), String(count)]),
    close: () => end(children),
  };
}

const startTriesMax = 100;

async function etcdLeader(endpoints: readonly string[]): Promise<string> {
  for (let left = startTriesMax; ; left--) {
    try {
      const { stdout } = await run('etcdctl', ['--endpoints', endpoints.join(','), 'endpoint', 'status', '-w', 'json'], {
        env: { ...process.env, ETCDCTL_API: '3' },
      });
      const found = (JSON.parse(stdout) as readonly EtcdStatus[]).find(({ Status }) => Status.leader === Status.header.member_id);
      if (found !== undefined) return found.Endpoint;
    } catch (error) {
      if (left === 0) throw error;
    }
    await new Promise((resolve) => {
      setTimeout(resolve, 200);
    });
  }
}
