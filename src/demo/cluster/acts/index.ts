import type { Act } from '../../act.ts';
import { reach } from '../../acts/reach.ts';
import type { ClusterWorld } from '../world.ts';
import { anywhere } from './anywhere.ts';
import { change } from './change.ts';
import { comeback } from './comeback.ts';
import { founding } from './founding.ts';
import { leaderDeath } from './leader-death.ts';
import { membership } from './membership.ts';
import { minority } from './minority.ts';
import { standstill } from './standstill.ts';

/** In the order in which they are played: the first sets the stage, and what one leaves the next one finds. */
export const clusterActs: readonly Act<ClusterWorld>[] = [
  founding,
  anywhere,
  leaderDeath,
  change,
  comeback,
  standstill,
  membership,
  minority,
  reach,
];
