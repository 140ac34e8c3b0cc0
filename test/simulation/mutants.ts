/** A fault in the core: `find` stands once in `file`, and becomes `replace`. */
export interface Mutant {
  readonly name: string;
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

export const mutants: readonly Mutant[] = [
  {
    name: 'an entry is acknowledged before it is durable',
    file: 'raft.ts',
    find: "return message.kind !== 'append-accepted' || message.match <= this.#log.durable;",
    replace: 'return true;',
  },
  {
    name: 'a vote is not made durable',
    file: 'ballot.ts',
    find: `    this.#votedFor = candidate;
    this.#isChanged = true;`,
    replace: '    this.#votedFor = candidate;',
  },
  {
    name: 'a stale vote counts',
    file: 'raft.ts',
    find: 'if (message.term < this.term) {',
    replace: "if (message.term < this.term && message.kind !== 'vote-reply') {",
  },
  {
    name: 'an entry of an earlier term is committed by counting',
    file: 'leader.ts',
    find: 'reached <= commit() || log.termAt(reached) !== term',
    replace: 'reached <= commit()',
  },
  {
    name: 'a vote goes to whose log is behind',
    file: 'log.ts',
    find: 'return lastTerm > this.lastTerm || (lastTerm === this.lastTerm && lastIndex >= this.last);',
    replace: 'return true;',
  },
  {
    name: 'two votes in one term',
    file: 'raft.ts',
    find: 'const isFree = votedFor === message.from || (votedFor === undefined && this.leader === undefined);',
    replace: 'const isFree = this.leader === undefined;',
  },
  {
    name: 'the entry before is not compared',
    file: 'follower.ts',
    find: 'log.termAt(previousIndex) !== previousTerm',
    replace: 'previousIndex > log.last',
  },
  {
    name: 'a heartbeat tells of commits that the follower may not have',
    file: 'leader.ts',
    find: 'const told = Math.min(progress.match, commit());',
    replace: 'const told = commit();',
  },
  {
    name: 'a leader counts itself before its entry is durable',
    file: 'leader.ts',
    find: 'voter === id ? log.durable',
    replace: 'voter === id ? log.last',
  },
  {
    name: 'a read does not ask a majority',
    file: 'leader.ts',
    find: 'if (commit !== undefined && this.#holdsLease()) this.#answer(read, commit);',
    replace: 'if (commit !== undefined) this.#answer(read, commit);',
  },
  {
    name: 'a lease outlives an election timeout',
    file: 'leader.ts',
    find: 'Math.floor(options.electionTicks * options.leaseFraction)',
    replace: 'options.electionTicks * 4',
  },
  {
    name: 'a lease outlives a standstill',
    file: 'leader.ts',
    find: 'this.#reads.forgetHeard();',
    replace: '',
  },
  {
    name: 'a change of members does not wait for the one before it',
    file: 'leader.ts',
    find: "if (log.membershipIndex > commit() || !this.#knowsCommit) return 'change-pending';",
    replace: '',
  },
  {
    name: 'two are more than half of four',
    file: 'quorum.ts',
    find: 'return Math.floor(voters / 2) + 1;',
    replace: 'return Math.ceil(voters / 2);',
  },
];
