import type { Act } from '../act.ts';
import type { LoneWorld } from '../lone-world.ts';
import { comeAlive } from './come-alive.ts';
import { controllerDeath } from './controller-death.ts';
import { drift } from './drift.ts';
import { foreseen } from './foreseen.ts';
import { isolation } from './isolation.ts';
import { policy } from './policy.ts';
import { portSecurity } from './port-security.ts';
import { rate } from './rate.ts';
import { reach } from './reach.ts';
import { revocation } from './revocation.ts';
import { size } from './size.ts';
import { switchRestart } from './switch-restart.ts';
import { vmLife } from './vm-life.ts';
import { why } from './why.ts';

/** In the order in which they are played; the first sets the stage. */
export const acts: readonly Act<LoneWorld>[] = [
  comeAlive,
  reach,
  policy,
  isolation,
  portSecurity,
  size,
  rate,
  revocation,
  why,
  foreseen,
  vmLife,
  drift,
  controllerDeath,
  switchRestart,
];
