import { parentPort, workerData } from 'node:worker_threads';
import type { Settings } from '../../src/southbound/contract.ts';
import { runSouthbound } from '../../src/southbound/run.ts';
import { SharedClock } from './shared-clock.ts';

/** The southbound thread by a clock that the test can stop. */
const settings = workerData as Settings;
if (!parentPort) throw new Error('this is the entry of a thread');
runSouthbound(parentPort, settings, new SharedClock(settings.more as SharedArrayBuffer));
