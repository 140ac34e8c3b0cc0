import type { Act } from '../act.ts';
import { comeAlive } from './come-alive.ts';
import { reach } from './reach.ts';

/** In the order in which they are played; the first sets the stage. */
export const acts: readonly Act[] = [comeAlive, reach];
