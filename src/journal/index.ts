export { Journal } from './journal.ts';
export { Recorder } from './recorder.ts';
export { RecordFile } from './record-file.ts';
export { RecordSharing } from './sharing.ts';
