import type { LogIndex, MemberId } from './types.ts';

/** The least number of `voters` that is more than half. */
export function majority(voters: number): number {
  return Math.floor(voters / 2) + 1;
}

/** The highest index that a majority of the voters has, given the index that each has. */
export function quorumIndex(voters: readonly MemberId[], indexOf: (voter: MemberId) => LogIndex): LogIndex {
  const indexes = voters.map(indexOf).sort((left, right) => right - left);
  return indexes[majority(voters.length) - 1] ?? 0;
}

export type Election = 'won' | 'lost' | 'open';

/** How an election stands when `votes` holds the answers so far; those of others than voters do not count. */
export function electionOf(voters: readonly MemberId[], votes: ReadonlyMap<MemberId, boolean>): Election {
  let granted = 0;
  let refused = 0;
  for (const voter of voters) {
    const vote = votes.get(voter);
    if (vote === true) granted++;
    else if (vote === false) refused++;
  }
  const needed = majority(voters.length);
  if (granted >= needed) return 'won';
  return voters.length - refused < needed ? 'lost' : 'open';
}
