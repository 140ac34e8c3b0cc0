import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '../..');

/** Of the release that `makeNextRelease` makes. */
export const nextRelease = { release: '99.0.0', tablesMoved: 5 } as const;

/**
 * Makes a checkout of a release that is to come: this one with another number, a version of the cluster and of the pipeline one above ours, each table of the pipeline at another
 * place, a table more, and two registers that have changed their places, so that no packet gets through half of either.
 */
export function makeNextRelease(directory: string): void {
  mkdirSync(directory);
  for (const part of ['bin', 'src', 'flows', 'policies', 'cluster', 'package.json'])
    cpSync(join(root, part), join(directory, part), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(directory, 'node_modules'));
  const change = (file: string, ...changes: readonly [from: RegExp, to: string | ((found: string, number: string) => string)][]): void => {
    const path = join(directory, file);
    let text = readFileSync(path, 'utf8');
    for (const [from, to] of changes) {
      const changed = typeof to === 'string' ? text.replace(from, to) : text.replace(from, to);
      if (changed === text) throw new Error(`${file} has no ${String(from)} any more`);
      text = changed;
    }
    writeFileSync(path, text);
  };
  const raised = (_found: string, number: string): string => ` = ${Number(number) + 1};`;
  change('package.json', [/"version": "[^"]+"/, `"version": "${nextRelease.release}"`]);
  change('cluster/version/version.ts', [/(?<=const clusterVersion) = (\d+);/, raised], [/(?<=const clusterVersionMin) = (\d+);/, raised]);
  change('flows/pipeline/version.ts', [/(?<=const pipelineVersion) = (\d+);/, raised]);
  change(
    'flows/pipeline/tables.ts',
    [/(?<=side: \{ id: 22, miss: \{ goto: )'conntrack' \} \},/, `'customs' } },\n  customs: { id: 23, miss: { goto: 'conntrack' } },`],
    [/(?<=\{ id: )([1-9]\d*)(?=,)/g, (found) => String(Number(found) + nextRelease.tablesMoved)],
  );
  change('flows/pipeline/registers.ts', [/'reg0'/, `'reg-of-zone'`], [/'reg2'/, `'reg0'`], [/'reg-of-zone'/, `'reg2'`]);
}
