import { afterEach, beforeEach, expect, test } from 'vitest';
import type { RawDocument } from '../support/policy-oracle.ts';
import { reachabilityFiles, readReachability } from '../support/reachability.ts';
import type { Expected, Named } from '../support/reachability.ts';
import type { CastEnd } from '../support/reachability-cast.ts';
import { RunningWeir } from '../support/running-weir.ts';

/** The tables of test/scenarios/reachability, asked of `decide` of a program that runs: as the platform, and as the tenant of an end. */

let weir: RunningWeir;
beforeEach(async () => void (weir = await RunningWeir.start()));
afterEach(() => weir.stop());

interface Answers {
  readonly answers: readonly { readonly verdict?: string; readonly error?: { readonly detail: string } }[];
}

const nameOf = (end: CastEnd, family: 4 | 6): string =>
  end.tenant === undefined ? (end.addresses[family === 4 ? 0 : 1] ?? '') : `${end.tenant}/${end.name}`;

const asPlatform = ({ from, to, family, protocol, detail }: Expected) => ({
  from: nameOf(from, family),
  to: nameOf(to, family),
  protocol,
  ...detail,
  family,
});

/** Its own VMs by name, everybody else by address. */
function asTenant({ from, to, family, protocol, detail }: Expected, tenant: string) {
  const own = (end: CastEnd): string => (end.tenant === tenant ? end.name : (end.addresses[family === 4 ? 0 : 1] ?? ''));
  return { from: own(from), to: own(to), protocol, ...detail, family };
}

async function ask(path: string, expected: readonly Expected[], questionOf: (expected: Expected) => object): Promise<readonly string[]> {
  const { answers } = await weir.must<Answers>('POST', path, { questions: expected.map(questionOf) });
  return answers.map(({ verdict, error }) => verdict ?? error?.detail ?? 'nothing');
}

/** What is answered otherwise than the table says. */
const different = (expected: readonly Expected[], verdicts: readonly string[]): readonly string[] =>
  expected.flatMap(({ from, to, family, protocol, detail, verdict }, index) =>
    verdicts[index] === verdict
      ? []
      : [`IPv${family} ${protocol}/${Object.values(detail).join('/')} ${from.name} -> ${to.name} is ${verdicts[index]}, not ${verdict}`],
  );

function pathOf({ kind, tenant, name }: Named): string {
  const kinds = kind === 'Policy' ? 'policies' : `${kind.toLowerCase()}s`;
  if (tenant === undefined) return `/v1/${kinds}/${name}`;
  return `/v1/tenants/${tenant}/${kinds}/${name}`;
}

const keyOf = ({ kind, metadata }: RawDocument): string =>
  pathOf({ kind: kind as Named['kind'], tenant: metadata.tenant, name: metadata.name });

test.each(reachabilityFiles)('%s', async (name) => {
  const { cast, cases } = readReachability(name);
  const own = new Map(cast.documents.map((document) => [keyOf(document), document]));
  const present = new Set<string>();
  await weir.must('POST', '/v1/apply', cast.documents);
  let count = 0;
  for (const { title, isFresh, put, gone, expected } of cases) {
    if (isFresh) await restore();
    if (put.length > 0) await weir.must('POST', '/v1/apply', put);
    for (const each of put) present.add(keyOf(each));
    for (const each of gone) {
      await weir.must('DELETE', pathOf(each));
      present.delete(pathOf(each));
      if (own.has(pathOf(each))) present.add(pathOf(each));
    }
    expect(different(expected, await ask('/v1/decide', expected, asPlatform)), `${title}, asked by the platform`).toEqual([]);
    for (const [tenant, some] of Map.groupBy(expected, ({ from, to }) => from.tenant ?? to.tenant ?? '')) {
      const verdicts = await ask(`/v1/tenants/${tenant}/decide`, some, (each) => asTenant(each, tenant));
      expect(different(some, verdicts), `${title}, asked by ${tenant}`).toEqual([]);
    }
    count += expected.length;
  }
  expect(count).toBeGreaterThan(1000);

  /** Deletes what cases made, and puts back what they changed. */
  async function restore(): Promise<void> {
    if (present.size > 0) await weir.must('POST', '/v1/apply', cast.documents);
    const made = [...present].filter((key) => !own.has(key));
    // Policies name groups and services.
    for (const key of made.toSorted((a, b) => Number(b.includes('/policies/')) - Number(a.includes('/policies/'))))
      await weir.must('DELETE', key);
    present.clear();
  }
});
