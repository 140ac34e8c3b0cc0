import { readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, isAbsolute, join, relative } from 'node:path';
import type { Random } from '../../conformance/random.ts';

/** The system calls that change a disk, as `strace -f -y -xx` names them. */
export const tracedCalls =
  'open,openat,creat,write,pwrite64,writev,pwritev,ftruncate,fsync,fdatasync,rename,renameat,renameat2,unlink,unlinkat';

/** A file, whatever its names. */
interface Inode {
  readonly number: number;
}

/** What happened, in the order in which it took effect. `began` of a sync is the index of the first event that it need not cover. */
type DiskEvent =
  | { readonly kind: 'create'; readonly path: string; readonly inode: Inode }
  | { readonly kind: 'rename'; readonly from: string; readonly path: string }
  | { readonly kind: 'unlink'; readonly path: string }
  | { readonly kind: 'write'; readonly inode: Inode; readonly offset: number; readonly bytes: Buffer }
  | { readonly kind: 'truncate'; readonly inode: Inode; readonly size: number }
  | { readonly kind: 'sync'; readonly inode: Inode; readonly began: number }
  | { readonly kind: 'sync-directory'; readonly directory: string; readonly began: number }
  | { readonly kind: 'output'; readonly text: string };

interface Call {
  readonly name: string;
  readonly args: string;
  readonly result: number;
  readonly resultPath: string;
  /** Events before the call. */
  readonly began: number;
}

/** The writes of a process below one directory, read from an strace of it, and the disks that a power cut could leave. */
export class Recording {
  readonly events: DiskEvent[] = [];
  readonly #root: string;
  readonly #inodes = new Map<string, Inode>();
  readonly #sizes = new Map<Inode, number>();
  readonly #offsets = new Map<string, number>();

  constructor(traceFile: string, root: string) {
    this.#root = root;
    const unfinished = new Map<string, { text: string; began: number }>();
    for (const line of readFileSync(traceFile, 'latin1').split('\n')) {
      const space = line.indexOf(' ');
      const pid = line.slice(0, space);
      let text = line.slice(space).trimStart();
      let began = this.events.length;
      if (text.endsWith('<unfinished ...>')) {
        unfinished.set(pid, { text: text.slice(0, -'<unfinished ...>'.length), began });
        continue;
      }
      const resumed = /^<\.\.\. \w+ resumed>/.exec(text);
      if (resumed !== null) {
        const start = unfinished.get(pid);
        if (start === undefined) continue;
        text = start.text + text.slice(resumed[0].length);
        began = start.began;
      }
      this.#note(text, began);
    }
  }

  #note(text: string, began: number): void {
    const parsed = /^(\w+)\((.*)\)\s*= (-?\d+)(?:<([^>]*)>)?/.exec(text);
    if (parsed === null) return;
    const [, name = '', args = '', result = '', resultPath = ''] = parsed;
    if (Number(result) < 0) return;
    this.#apply({ name, args: args.trimEnd(), result: Number(result), resultPath: unescape(resultPath), began });
  }

  #apply(call: Call): void {
    const { name, args } = call;
    if (name.startsWith('open') || name === 'creat') this.#open(call);
    else if (name.includes('write')) this.#write(call);
    else if (name.startsWith('rename')) {
      const [from = '', path = ''] = strings(args).map(String);
      if (!this.#covers(path)) return;
      rename(this.#inodes, from, path);
      this.events.push({ kind: 'rename', from, path });
    } else if (name.startsWith('unlink')) {
      const [name = ''] = strings(args).map(String);
      // `unlinkat` may name a file within a directory that is open.
      const path = isAbsolute(name) ? name : join(target(args).path, name);
      if (this.#covers(path) && this.#inodes.delete(path)) this.events.push({ kind: 'unlink', path });
    } else this.#onDescriptor(call);
  }

  #open({ args, result, resultPath }: Call): void {
    if (!this.#covers(resultPath)) return;
    this.#offsets.set(`${result}<${resultPath}`, 0);
    if (!args.includes('O_CREAT') && !args.includes('O_TRUNC')) return;
    const known = this.#inodes.get(resultPath);
    if (known === undefined) {
      const inode = { number: this.events.length };
      this.#inodes.set(resultPath, inode);
      this.events.push({ kind: 'create', path: resultPath, inode });
    } else if (args.includes('O_TRUNC')) {
      this.#sizes.set(known, 0);
      this.events.push({ kind: 'truncate', inode: known, size: 0 });
    }
  }

  #write({ name, args, result }: Call): void {
    const { descriptor, path } = target(args);
    const [, ...pieces] = [path, ...strings(args)];
    const bytes = Buffer.concat(pieces.map((piece) => Buffer.from(piece, 'latin1'))).subarray(0, result);
    if (descriptor === 1) this.events.push({ kind: 'output', text: bytes.toString() });
    const inode = this.#inodes.get(path);
    if (inode === undefined) return;
    if (bytes.length < result) throw new Error(`the trace has ${bytes.length} of ${result} bytes written to ${path}`);
    const place = `${descriptor}<${path}`;
    const positioned = name.startsWith('p');
    const offset = positioned ? Number(/, (\d+)$/.exec(args)?.[1]) : (this.#offsets.get(place) ?? 0);
    if (!positioned) this.#offsets.set(place, offset + result);
    this.#sizes.set(inode, Math.max(this.#sizes.get(inode) ?? 0, offset + result));
    this.events.push({ kind: 'write', inode, offset, bytes: Buffer.from(bytes) });
  }

  #onDescriptor({ name, args, began }: Call): void {
    const { path } = target(args);
    const inode = this.#inodes.get(path);
    if (name === 'ftruncate' && inode !== undefined) {
      this.events.push({ kind: 'truncate', inode, size: Number(/, (\d+)$/.exec(args)?.[1]) });
    } else if (inode !== undefined) {
      this.events.push({ kind: 'sync', inode, began });
    } else if (this.#covers(path) || path === this.#root) {
      this.events.push({ kind: 'sync-directory', directory: path, began });
    }
  }

  #covers(path: string): boolean {
    return path.startsWith(`${this.#root}/`);
  }

  /** Events from the first that concerns a path that contains `part` to the last. */
  span(part: string): { readonly from: number; readonly upTo: number } {
    const concerns = (event: DiskEvent): boolean => 'path' in event && event.path.includes(part);
    return { from: this.events.findIndex(concerns), upTo: this.events.findLastIndex(concerns) };
  }

  /** What the process had said before the power went. */
  outputBefore(cut: number): string {
    return this.events
      .slice(0, cut)
      .map((event) => (event.kind === 'output' ? event.text : ''))
      .join('');
  }

  /**
   * A disk as it could be when the power went after `cut` events: what was synced is there; of what was not, names are
   * there up to some moment, and each write is whole, absent, torn, or has sectors missing. `namesSynced` tells what makes the
   * name of a new file durable: a sync of its directory alone, as POSIX has it, or one of the file too, as ext4, XFS and Btrfs do.
   */
  async image(cut: number, random: Random, namesSynced: 'with-directory' | 'with-file', into: string): Promise<void> {
    const contents = new Map<Inode, Buffer>();
    const syncedUpTo = new Map<Inode, number>();
    const namedUpTo = new Map<string, number>();
    const createdAt = new Map<Inode, { readonly directory: string; readonly index: number }>();
    for (const [index, event] of this.events.slice(0, cut).entries()) {
      if (event.kind === 'create') createdAt.set(event.inode, { directory: dirname(event.path), index });
      if (event.kind === 'sync') {
        syncedUpTo.set(event.inode, event.began);
        const created = createdAt.get(event.inode);
        if (namesSynced === 'with-file' && created !== undefined && created.index < event.began) {
          namedUpTo.set(created.directory, Math.max(namedUpTo.get(created.directory) ?? 0, created.index + 1));
        }
      }
      if (event.kind === 'sync-directory') namedUpTo.set(event.directory, event.began);
    }
    const namesEnd = new Map<string, number>();
    const names = new Map<string, Inode>();
    for (const [index, event] of this.events.slice(0, cut).entries()) {
      if (event.kind === 'write' || event.kind === 'truncate') {
        const content = contents.get(event.inode) ?? Buffer.alloc(0);
        contents.set(event.inode, change(content, event, index < (syncedUpTo.get(event.inode) ?? 0), random));
        continue;
      }
      if (event.kind !== 'create' && event.kind !== 'rename' && event.kind !== 'unlink') continue;
      const directory = dirname(event.path);
      const synced = namedUpTo.get(directory) ?? 0;
      if (!namesEnd.has(directory)) namesEnd.set(directory, synced + random.below(cut - synced + 1));
      if (index >= (namesEnd.get(directory) ?? 0)) continue;
      if (event.kind === 'create') names.set(event.path, event.inode);
      else if (event.kind === 'unlink') names.delete(event.path);
      else rename(names, event.from, event.path);
    }
    for (const [path, inode] of names) {
      const file = join(into, relative(this.#root, path));
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, contents.get(inode) ?? Buffer.alloc(0));
    }
  }
}

/** Of a file, or of a directory with all that is in it; what stood there is gone. */
function rename(names: Map<string, Inode>, from: string, path: string): void {
  for (const name of names.keys()) if (name === path || name.startsWith(`${path}/`)) names.delete(name);
  for (const [name, inode] of names) {
    if (name !== from && !name.startsWith(`${from}/`)) continue;
    names.delete(name);
    names.set(path + name.slice(from.length), inode);
  }
}

function change(content: Buffer, event: DiskEvent & { kind: 'write' | 'truncate' }, synced: boolean, random: Random): Buffer {
  const fate = synced ? 'whole' : random.pick(['whole', 'absent', 'torn', 'holes'] as const);
  if (fate === 'absent') return content;
  if (event.kind === 'truncate') return content.length > event.size ? content.subarray(0, event.size) : grown(content, event.size);
  const bytes = fate === 'torn' ? event.bytes.subarray(0, random.below(event.bytes.length)) : event.bytes;
  const result = grown(content, Math.max(content.length, event.offset + bytes.length));
  for (let at = 0; at < bytes.length;) {
    const end = Math.min(bytes.length, at + 512 - ((event.offset + at) % 512));
    if (fate !== 'holes' || random.chance(60)) bytes.copy(result, event.offset + at, at, end);
    at = end;
  }
  return result;
}

function grown(content: Buffer, size: number): Buffer {
  return Buffer.concat([content], size);
}

/** The descriptor that a call is about, as `-y` writes it: `17</path>`. */
function target(args: string): { descriptor: number; path: string } {
  const [, descriptor = '-1', path = ''] = /^(\d+)<([^>]*)>/.exec(args) ?? [];
  return { descriptor: Number(descriptor), path: unescape(path) };
}

function strings(args: string): string[] {
  return [...args.matchAll(/"((?:\\x[0-9a-f]{2})*)"/g)].map(([, text = '']) => unescape(text));
}

function unescape(text: string): string {
  return text.includes('\\x') ? Buffer.from(text.replaceAll('\\x', ''), 'hex').toString('latin1') : text;
}
