import { expect, test } from 'vitest';
import { Raft } from '../../../cluster/raft/raft.ts';
import type { Message, MessageBody, Ready } from '../../../cluster/raft/types.ts';

const membership = { voters: ['a', 'b'], learners: [] };

/** Leads in term 2, with ten entries of term 1 that are on disk only; what came of the way there is left aside. */
function leader(): Raft {
  const raft = new Raft({
    id: 'a',
    hardState: { term: 1, votedFor: undefined },
    log: {
      terms: [
        { from: 0, term: 0 },
        { from: 1, term: 1 },
      ],
      memberships: [{ index: 0, membership }],
      last: 10,
    },
    applied: 10,
    random: () => 0,
    heartbeatTicks: 1,
    electionTicks: 10,
    appendBytesMax: 1_000,
    flightsMax: 4,
    flightBytesMax: 10_000,
    promotionLagMax: 10,
    leaseFraction: 0.5,
  });
  raft.campaign();
  persist(raft);
  said(raft, 2, { kind: 'pre-vote-reply', granted: true });
  persist(raft);
  said(raft, 2, { kind: 'vote-reply', granted: true });
  persist(raft);
  return raft;
}

function said(raft: Raft, term: number, body: MessageBody): void {
  raft.step({ from: 'b', to: 'a', term, ...body } satisfies Message);
}

/** Everything that is due, with its writes carried out. */
function persist(raft: Raft): Ready[] {
  const all: Ready[] = [];
  for (let ready = raft.ready(); ready !== undefined; ready = raft.ready()) {
    all.push(ready);
    if (ready.write !== undefined) raft.persisted();
  }
  return all;
}

const fetchesOf = (all: readonly Ready[]): unknown[] => all.flatMap(({ fetches }) => fetches);

test('entries that cannot be read are asked for again when the member is heard, and not before', () => {
  const raft = leader();
  expect(raft.role).toBe('leader');
  said(raft, 2, { kind: 'append-refused', refused: 10, hintIndex: 3, hintTerm: 1 });
  const wanted = [{ to: 'b', from: 4, upTo: 11 }];
  expect(fetchesOf(persist(raft))).toEqual(wanted);
  raft.fetched('b', []);
  expect(fetchesOf(persist(raft))).toEqual([]);
  said(raft, 2, { kind: 'heartbeat-reply', round: 0 });
  expect(fetchesOf(persist(raft))).toEqual(wanted);
});

const readsOf = (all: readonly Ready[]): readonly number[] => all.flatMap(({ reads }) => reads.map(({ id }) => id));

test('a lease ends when time went by that no tick told of, and comes back with the next answer', () => {
  const raft = leader();
  said(raft, 2, { kind: 'append-accepted', match: 11 });
  raft.tick();
  persist(raft);
  said(raft, 2, { kind: 'heartbeat-reply', round: 1 });
  raft.read(1);
  expect(readsOf(persist(raft))).toEqual([1]);
  raft.lapse();
  raft.read(2);
  expect(readsOf(persist(raft))).toEqual([]);
  said(raft, 2, { kind: 'heartbeat-reply', round: 2 });
  expect(readsOf(persist(raft))).toEqual([2]);
  raft.read(3);
  expect(readsOf(persist(raft))).toEqual([3]);
});

test('a member that the log has left behind again while it took a snapshot is sent another', () => {
  const raft = leader();
  raft.compacted(8);
  said(raft, 2, { kind: 'append-refused', refused: 10, hintIndex: 3, hintTerm: 1 });
  const snapshotsOf = (all: readonly Ready[]): number =>
    all.flatMap(({ messages }) => messages).filter(({ kind }) => kind === 'snapshot').length;
  persist(raft);
  // Even the oldest entry that is kept comes too late for it.
  said(raft, 2, { kind: 'append-refused', refused: 8, hintIndex: 3, hintTerm: 1 });
  expect(snapshotsOf(persist(raft))).toBe(1);
  said(raft, 2, { kind: 'append-accepted', match: 5 });
  expect(snapshotsOf(persist(raft))).toBe(0);
  raft.snapshotEnded('b');
  said(raft, 2, { kind: 'heartbeat-reply', round: 0 });
  expect(snapshotsOf(persist(raft))).toBe(1);
});

test('who is only told what is committed is not to answer, unless what it has is in doubt', () => {
  const raft = leader();
  const appends = (): boolean[] =>
    persist(raft).flatMap(({ messages }) => messages.flatMap((message) => (message.kind === 'append' ? [message.isNotice] : [])));
  said(raft, 2, { kind: 'append-accepted', match: 10 });
  expect(appends()).toEqual([false]);
  said(raft, 2, { kind: 'append-accepted', match: 11 });
  expect(raft.commit).toBe(11);
  expect(appends()).toEqual([true]);
  raft.propose([new Uint8Array(1)]);
  expect(appends()).toEqual([false]);
  said(raft, 2, { kind: 'heartbeat-reply', round: 1 });
  expect(appends()).toEqual([false]);
});

test('what is committed goes with the next entries, and by itself when none are on their way', () => {
  const raft = leader();
  said(raft, 2, { kind: 'append-accepted', match: 11 });
  persist(raft);
  const told = (): unknown[] =>
    persist(raft).flatMap(({ messages }) =>
      messages.flatMap((message) => (message.kind === 'append' ? [[message.entries.length, message.commit]] : [])),
    );
  raft.propose([new Uint8Array(1)]);
  expect(told()).toEqual([[1, 11]]);
  raft.propose([new Uint8Array(1)]);
  expect(told()).toEqual([[1, 11]]);
  said(raft, 2, { kind: 'append-accepted', match: 12 });
  expect(raft.commit).toBe(12);
  expect(told()).toEqual([]);
  raft.propose([new Uint8Array(1)]);
  expect(told()).toEqual([[1, 12]]);
  said(raft, 2, { kind: 'append-accepted', match: 14 });
  expect(told()).toEqual([[0, 14]]);
});
