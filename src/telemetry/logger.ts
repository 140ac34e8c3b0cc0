import { destination, pino } from 'pino';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

/** What the rooms know of logging: one line an event, fields first. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  /** A logger that puts `fields` into each of its lines. */
  child(fields: Readonly<Record<string, unknown>>): Logger;
}

const standardError = 2;

/**
 * JSON lines on standard error, so that standard output stays for results. Written at once: a crash loses no line. A line that
 * cannot be written, for the disk is full or nobody reads, is lost: what it tells of goes on.
 */
export function openLogger(level: LogLevel, descriptor = standardError): Logger {
  const lines = destination({ dest: descriptor, sync: true });
  lines.on('error', () => undefined);
  return pino(
    { level, base: null, timestamp: () => `,"time":"${new Date().toISOString()}"`, formatters: { level: (label) => ({ level: label }) } },
    lines,
  );
}

export const silentLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silentLogger,
};
