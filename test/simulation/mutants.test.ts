import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import type { Raft } from '../../cluster/raft/raft.ts';
import { type Mutant, mutants } from './mutants.ts';
import { simulate } from './simulated-cluster.ts';

const root = resolve(import.meta.dirname, '../..');
const seedsMax = 6_000;

/** The core with a fault in it, as a module of its own. */
async function coreWith({ file, find, replace }: Mutant): Promise<typeof Raft> {
  const directory = mkdtempSync(join(tmpdir(), 'weir-mutant-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  writeFileSync(join(directory, 'package.json'), '{"type":"module"}');
  mkdirSync(join(directory, 'src/base'), { recursive: true });
  cpSync(join(root, 'src/base/errors.ts'), join(directory, 'src/base/errors.ts'));
  cpSync(join(root, 'cluster/raft'), join(directory, 'cluster/raft'), { recursive: true });
  const path = join(directory, 'cluster/raft', file);
  const parts = readFileSync(path, 'utf8').split(find);
  expect(parts).toHaveLength(2);
  writeFileSync(path, parts.join(replace));
  const core = (await import(/* @vite-ignore */ pathToFileURL(join(directory, 'cluster/raft/raft.ts')).href)) as { Raft: typeof Raft };
  return core.Raft;
}

test.each(mutants)('caught: $name', { timeout: 300_000 }, async (mutant) => {
  const Faulty = await coreWith(mutant);
  const complaint = (): string | undefined => {
    for (let seed = 1; seed <= seedsMax; seed++) {
      try {
        simulate({ seed, voters: ([3, 5, 7] as const)[seed % 3] ?? 3, steps: 3_000, makeRaft: (options) => new Faulty(options) });
      } catch (error) {
        return (error as Error).message;
      }
    }
    return undefined;
  };
  expect(complaint()).toBeTypeOf('string');
});
