export { Journal } from './journal.ts';
export { openPolicyLog } from './policy-log.ts';
export { Recorder } from './recorder.ts';
