import { WeirError } from '../../src/base/errors.ts';
import type { Transaction } from './port.ts';

export const keyBytesMax = 1_024;
export const valueBytesMax = 1024 * 1024;
/** Of compares, and of operations. One document is two or more. */
export const operationsMax = 50_000;
const transactionBytesMax = 16 * 1024 * 1024;
/** For how long who reads waits for an index that is opened again or replaced. */
export const indexMsMax = 10_000;

/**
 * Bytes of keys and values of a transaction within the bounds. Throws a WeirError: `too-large`, or
 * `malformed-transaction` for an empty key, a key named twice, or text that is not Unicode and would come back changed.
 */
export function transactionBytes(transaction: Transaction): number {
  const { compares, operations } = transaction;
  if (compares.length > operationsMax || operations.length > operationsMax) {
    throw tooLarge(
      `one transaction would write ${operations.length} records and compare ${compares.length}, ${operationsMax} at most: send fewer documents at once`,
    );
  }
  let bytes = 0;
  for (const { key } of compares) bytes += keyBytes(key);
  const named = new Set<string>();
  for (const operation of operations) {
    bytes += keyBytes(operation.key);
    if (operation.kind === 'put') bytes += valueBytes(operation.key, operation.value);
    if (named.has(operation.key)) throw malformed(`two operations name the key ${JSON.stringify(operation.key)}`);
    named.add(operation.key);
  }
  if (bytes > transactionBytesMax) throw tooLarge(`the transaction has ${bytes} bytes, ${transactionBytesMax} at most`);
  return bytes;
}

function keyBytes(key: string): number {
  const bytes = Buffer.byteLength(key);
  if (bytes === 0) throw malformed('a key is empty');
  if (bytes > keyBytesMax) throw tooLarge(`a key has ${bytes} bytes, ${keyBytesMax} at most`);
  if (!key.isWellFormed()) throw malformed(`the key ${JSON.stringify(key)} is not Unicode`);
  return bytes;
}

function valueBytes(key: string, value: string): number {
  const bytes = Buffer.byteLength(value);
  if (bytes > valueBytesMax) throw tooLarge(`the value of ${JSON.stringify(key)} has ${bytes} bytes, ${valueBytesMax} at most`);
  if (!value.isWellFormed()) throw malformed(`the value of ${JSON.stringify(key)} is not Unicode`);
  return bytes;
}

function tooLarge(detail: string): WeirError {
  return new WeirError('too-large', detail);
}

function malformed(detail: string): WeirError {
  return new WeirError('malformed-transaction', detail);
}
