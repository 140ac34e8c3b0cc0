import { expect, test } from 'vitest';
import { type History, impossible } from './history.ts';
import { reduce } from './reduction.ts';
import { register, type RegisterAction, type RegisterResult } from './register.ts';
import { search } from './search.ts';
import { RandomHistory } from './random-history.ts';

type RegisterHistory = History<RegisterAction, RegisterResult>;

const done: RegisterResult = { kind: 'done' };

/** `client calledAt answeredAt`, both as they are; `-`: never. */
function on(client: string, calledAt: number, answeredAt: number | '-', action: RegisterAction, result: RegisterResult) {
  return { client, action, calledAt, answer: answeredAt === '-' ? undefined : { at: answeredAt, result } };
}
const put = (value: string): RegisterAction => ({ kind: 'put', value });
const get: RegisterAction = { kind: 'get' };
const found = (value?: string): RegisterResult => ({ kind: 'found', value });

const cases: readonly { readonly name: string; readonly history: RegisterHistory; readonly is: 'linearizable' | 'violated' }[] = [
  { name: 'nothing', history: [], is: 'linearizable' },
  { name: 'a read of what nobody wrote', history: [on('a', 0, 1, get, found('1'))], is: 'violated' },
  { name: 'a stale read', history: [on('a', 0, 1, put('1'), done), on('b', 2, 3, get, found())], is: 'violated' },
  { name: 'a read beside a write sees either', history: [on('a', 0, 5, put('1'), done), on('b', 2, 3, get, found())], is: 'linearizable' },
  {
    name: 'reads that go back',
    history: [on('a', 0, 9, put('1'), done), on('b', 1, 2, get, found('1')), on('c', 3, 4, get, found())],
    is: 'violated',
  },
  {
    name: 'a lost write',
    history: [on('a', 0, 1, put('1'), done), on('b', 2, 3, put('2'), done), on('a', 4, 5, get, found('1'))],
    is: 'violated',
  },
  {
    name: 'a write applied twice',
    history: [
      on('a', 0, '-', put('1'), done),
      on('b', 1, 2, get, found('1')),
      on('b', 3, 4, put('2'), done),
      on('b', 5, 6, get, found('1')),
    ],
    is: 'violated',
  },
  {
    name: 'a write without an answer that has its effect late',
    history: [on('a', 0, '-', put('1'), done), on('b', 1, 2, get, found()), on('b', 9, 10, get, found('1'))],
    is: 'linearizable',
  },
  {
    name: 'a refused write that was kept',
    history: [on('a', 0, 1, put('1'), { kind: 'refused' }), on('b', 2, 3, get, found('1'))],
    is: 'violated',
  },
  {
    name: 'two that replaced the same value',
    history: [
      on('a', 0, 1, put('1'), done),
      on('a', 2, 8, { kind: 'replace', seen: '1', value: '2' }, done),
      on('b', 2, 8, { kind: 'replace', seen: '1', value: '3' }, done),
    ],
    is: 'violated',
  },
  {
    name: 'a condition that held, and is said not to',
    history: [on('a', 0, 1, put('1'), done), on('b', 2, 3, { kind: 'replace', seen: '1', value: '2' }, { kind: 'unmet' })],
    is: 'violated',
  },
  {
    name: 'a delete of what is there, answered with nothing there',
    history: [on('a', 0, 1, { kind: 'create', value: '1' }, done), on('b', 2, 3, { kind: 'delete' }, { kind: 'unmet' })],
    is: 'violated',
  },
];

test.each(cases)('$name: $is', ({ history, is }) => {
  expect(search(register, history)).toBe(is);
});

/** Every order there is, of every choice of those without an answer. */
function existsOrder(history: RegisterHistory): boolean {
  const isLegal = (state: string | undefined, left: RegisterHistory): boolean => {
    if (left.every(({ answer }) => answer === undefined)) return true;
    return left.some((operation) => {
      const others = left.filter((each) => each !== operation);
      if (others.some(({ answer }) => answer !== undefined && answer.at < operation.calledAt)) return false;
      const next = register.step(state, operation.action, operation.answer?.result);
      return next !== impossible && isLegal(next, others);
    });
  };
  return isLegal(register.initial, history);
}

test('random histories are judged as by trying every order', () => {
  const seed = Number(process.env['SEED'] || Math.floor(Math.random() * 0x7fff_ffff));
  const seen = { linearizable: 0, violated: 0, undecided: 0 };
  for (let count = 0; count < 3_000; count++) {
    const random = new RandomHistory(seed + count);
    const honest = random.honest();
    expect(search(register, honest), `seed ${seed + count}, honest`).toBe('linearizable');
    const bent = random.bend(honest);
    const verdict = search(register, bent);
    expect(verdict, `seed ${seed + count}`).toBe(existsOrder(bent) ? 'linearizable' : 'violated');
    seen[verdict]++;
    if (verdict !== 'violated') continue;
    const part = reduce(register, bent);
    expect(part.length, `seed ${seed + count}`).toBeLessThanOrEqual(bent.length);
    expect(existsOrder(part), `seed ${seed + count}, reduced`).toBe(false);
  }
  expect(Math.min(seen.linearizable, seen.violated)).toBeGreaterThan(100);
});

test('of a long history what is left is about what is wrong', () => {
  const long: RegisterHistory = Array.from({ length: 200 }, (_, at) => [
    on('a', 10 * at, 10 * at + 3, put(`${at}`), done),
    on('b', 10 * at + 4, 10 * at + 6, get, found(`${at}`)),
  ]).flat();
  const stale = on('c', 1_505, 1_507, get, found('149'));
  expect(search(register, long)).toBe('linearizable');
  expect(search(register, [...long, stale])).toBe('violated');
  const part = reduce(register, [...long, stale]);
  expect(part.map(({ client, action }) => `${client} ${action.kind}`).toSorted()).toEqual(['a put', 'a put', 'c get']);
});

test('what would take too long is said to be undecided', () => {
  const unanswered = Array.from({ length: 24 }, (_, at) => on('a', at, '-', put(`${at}`), done));
  const history = [...unanswered, on('b', 100, 101, get, found('never'))];
  expect(search(register, history, 1_000)).toBe('undecided');
});
