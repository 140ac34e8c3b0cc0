import { parentPort, workerData } from 'node:worker_threads';
import { systemClock } from '../base/clock.ts';
import { assert } from '../base/errors.ts';
import type { Settings } from './contract.ts';
import { runSouthbound } from './run.ts';

assert(parentPort, 'this is the entry of a thread');
runSouthbound(parentPort, workerData as Settings, systemClock);
