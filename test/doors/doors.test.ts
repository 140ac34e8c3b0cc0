import { readdirSync, readFileSync } from 'node:fs';
import { join, normalize, relative, resolve } from 'node:path';
import { expect, test } from 'vitest';

/**
 * The import doors of docs/architecture.md, executable. A file belongs to the room with the longest matching path; what it imports
 * must be in a room that its own may use, through the files named when a door is narrower than the room.
 */
interface Room {
  readonly path: string;
  /** Rooms or single files (a path ending in `.ts`) that it may import. Itself is always allowed. */
  readonly may: readonly string[];
  /** Pure rooms import no effects: Node's modules, timers, time, randomness, loggers. */
  readonly pure?: true;
}

const anything = [''];
const controllerPorts = ['src/controller/ports.ts', 'src/lifecycle/ports.ts', 'src/journal/ports.ts'];
const inquiryPorts = ['src/inquiry/ports.ts'];

const rooms: readonly Room[] = [
  { path: 'src/base', may: [] },
  { path: 'cluster', may: ['src/base'] },
  { path: 'cluster/raft', may: ['src/base'], pure: true },
  { path: 'policies', may: ['src/base'], pure: true },
  { path: 'flows', may: ['src/base', 'policies/compiled.ts'], pure: true },
  { path: 'flows/io', may: ['src/base', 'flows'] },
  { path: 'src/admission', may: ['src/base', 'policies', 'cluster/index.ts', 'cluster/store/port.ts'] },
  {
    path: 'src/controller',
    may: ['src/base', 'src/admission', 'cluster/index.ts', 'cluster/store/port.ts', 'policies', 'flows', 'src/lifecycle'],
  },
  {
    path: 'src/lifecycle',
    may: ['src/base', 'src/admission', 'cluster/index.ts', 'cluster/store/port.ts', 'policies', 'flows', 'src/controller/ports.ts'],
  },
  {
    path: 'src/inquiry',
    may: ['src/base', 'src/admission', 'src/controller/ports.ts', 'cluster/index.ts', 'cluster/store/port.ts', 'policies', 'flows'],
  },
  {
    path: 'src/api',
    may: [
      'src/base',
      'src/admission',
      'policies/model',
      'cluster/store/port.ts',
      'cluster/members/port.ts',
      ...controllerPorts,
      ...inquiryPorts,
    ],
  },
  {
    path: 'src/southbound',
    may: [
      'src/base',
      'src/config',
      'src/admission',
      'src/controller',
      'src/inquiry',
      'src/journal',
      'cluster/index.ts',
      'cluster/ownership/rendezvous.ts',
      'policies',
      'flows',
    ],
  },
  { path: 'src/membership', may: ['src/base', 'src/config', 'src/api/schema', 'cluster/index.ts'] },
  { path: 'src/journal', may: ['src/base', 'src/admission', 'policies', 'flows', 'src/controller/ports.ts'] },
  { path: 'src/telemetry', may: ['src/base', 'src/admission', 'policies/model', ...controllerPorts] },
  { path: 'src/config', may: ['src/base'] },
  { path: 'src/cli', may: ['src/base', 'src/api/schema', 'src/config', 'flows/openflow', 'src/lab'] },
  { path: 'src/lab', may: ['src/base'] },
  { path: 'src/demo', may: ['src/base', 'src/lab'] },
  { path: 'src/main.ts', may: anything },
  { path: 'src/weir.ts', may: anything },
  { path: 'bench', may: anything },
  { path: 'test', may: anything },
];

const root = resolve(import.meta.dirname, '../..');

const sources = ['src', 'flows', 'policies', 'cluster', 'bench', 'test'].flatMap((top) =>
  readdirSync(join(root, top), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(top, name)),
);

const inside = (file: string, place: string): boolean => place === '' || file === place || file.startsWith(`${place}/`);

const roomOf = (file: string): Room | undefined =>
  rooms.filter((room) => inside(file, room.path)).toSorted((a, b) => b.path.length - a.path.length)[0];

const importsOf = (text: string): readonly string[] =>
  [...text.matchAll(/^\s*(?:import|export)\s[^;]*?from\s+'([^']+)'|^\s*import\s+'([^']+)'|\bimport\('([^']+)'\)/gm)].map(
    (found) => found[1] ?? found[2] ?? found[3] ?? '',
  );

/** Sentences that say what is wrong and what to do; empty when every door is kept. */
function trespasses(file: string, text: string): readonly string[] {
  const room = roomOf(file);
  if (!room) return [`${file} is in no room: add it to one, or declare the room in test/doors`];
  const found: string[] = [];
  for (const wanted of importsOf(text)) {
    if (wanted.startsWith('.')) {
      const target = normalize(relative(root, resolve(root, file, '..', wanted)));
      const allowed = [room.path, ...room.may].some((place) => inside(target, place));
      if (!allowed)
        found.push(
          `${file} imports ${target}: ${room.path} may import ${room.may.join(', ') || 'nothing'}. Pass it in as an argument, or move the code.`,
        );
    } else if (room.pure && wanted.startsWith('node:')) {
      found.push(`${file} imports ${wanted}: ${room.path} is pure. Effects belong to flows/io, or come in as arguments.`);
    }
  }
  if (room.pure) {
    for (const effect of text.matchAll(
      /\b(Date\.now|new Date\(\)|Math\.random|setTimeout|setInterval|setImmediate|performance\.now|process\.)/g,
    )) {
      found.push(`${file} uses ${effect[1]}: ${room.path} is pure. Take a clock or a random port as an argument.`);
    }
  }
  return found;
}

test('every import goes through a door', () => {
  expect(sources.flatMap((file) => trespasses(file, readFileSync(join(root, file), 'utf8')))).toEqual([]);
});

/** What a file loads when it is loaded: files, and names of modules. Types are not loaded. */
function loadedBy(entry: string): ReadonlySet<string> {
  const loaded = new Set([entry]);
  for (const file of loaded) {
    if (!file.endsWith('.ts')) continue;
    const text = readFileSync(join(root, file), 'utf8').replaceAll(/^(?:import|export) type [^;]*;/gm, '');
    for (const wanted of importsOf(text))
      loaded.add(wanted.startsWith('.') ? normalize(relative(root, resolve(root, file, '..', wanted))) : wanted);
  }
  return loaded;
}

test('the southbound thread loads no library, and none of what validates or stores', () => {
  const loaded = [...loadedBy('src/southbound/thread.ts')];
  expect(loaded.length).toBeGreaterThan(200);
  expect(loaded.filter((each) => !each.endsWith('.ts') && !each.startsWith('node:'))).toEqual([]);
});

test('a trespass is found and explained', () => {
  expect(trespasses('policies/graph/graph.ts', "import { connect } from 'node:net';\n")).toHaveLength(1);
  expect(trespasses('policies/graph/graph.ts', "import { renderBase } from '../../flows/render/index.ts';\n")[0]).toContain(
    'Pass it in as an argument',
  );
  expect(trespasses('flows/session/session.ts', 'const now = Date.now();\n')[0]).toContain('pure');
  expect(trespasses('src/api/app.ts', "import { startWeir } from '../controller/weir.ts';\n")).toHaveLength(1);
});
