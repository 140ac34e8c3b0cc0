import { ClassicLevel } from 'classic-level';
import { expect, it } from 'vitest';
import { CommittedRequests } from '../../../cluster/storage/requests.ts';
import { withDirectory } from '../store/directory.ts';

it('requests that version 1 has stored are known, beside those of now', () =>
  withDirectory(async (directory) => {
    const level = new ClassicLevel(directory, { keyEncoding: 'utf8', valueEncoding: 'utf8' });
    try {
      await level.put('r0b6f-1', '5');
      await level.put('s0000000000000005', '0b6f-1');
      await level.put('s0000000000000006', '["","7c2a-2"]');
      const requests = await CommittedRequests.read(level);
      expect(['0b6f-1', '7c2a-2', 'another'].map((id) => requests.revisionOf(id))).toEqual([5, 7, undefined]);
      expect(await level.keys().all()).toEqual(['s0000000000000005', 's0000000000000006']);
    } finally {
      await level.close();
    }
  }));
