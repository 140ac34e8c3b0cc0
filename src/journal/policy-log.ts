import type { Clock } from '../base/clock.ts';
import { systemSchedule } from '../base/schedule.ts';
import { Journal } from './journal.ts';
import type { LogRecord } from './ports.ts';
import { RecordFile, type RecordFileOptions } from './record-file.ts';
import { RecordSharing } from './sharing.ts';

export interface PolicyLogOptions {
  readonly clock: Clock;
  /** Where a line of each goes; undefined: nowhere. */
  readonly file: Omit<RecordFileOptions, 'onProblem'> | undefined;
  readonly exchange: Peers;
  /** Each record of this member, once. */
  readonly onWritten: () => void;
  readonly onProblem: RecordFileOptions['onProblem'];
}

/** The other members. */
interface Peers {
  others(): readonly string[];
  ask(to: string, topic: 'logged', body: unknown, timeoutMs: number): Promise<unknown>;
  answer(topic: 'logged', answering: (from: string, body: unknown) => unknown): void;
}

const tellPatienceMs = 2_000;

export interface OpenPolicyLog {
  readonly journal: Journal;
  close(): Promise<void>;
}

/** What rules with `log` decided: kept in memory, counted, told to the others, and a line of the file where one is wanted. */
export function openPolicyLog({ clock, file: wanted, exchange, onWritten, onProblem }: PolicyLogOptions): OpenPolicyLog {
  const file = wanted && new RecordFile({ ...wanted, onProblem });
  const sharing = new RecordSharing({
    others: () => exchange.others(),
    tell: (member, records) => exchange.ask(member, 'logged', records, tellPatienceMs),
    schedule: systemSchedule,
  });
  const journal = new Journal({
    clock,
    written: (record) => {
      onWritten();
      file?.write(record);
      sharing.offer(record);
    },
  });
  exchange.answer('logged', (_from, records) => {
    for (const record of records as readonly LogRecord[]) journal.heard(record);
    return null;
  });
  return {
    journal,
    close: async () => {
      journal.close();
      sharing.close();
      await file?.close();
    },
  };
}
