import type { WriteResult } from '../api/schema/answers.ts';
import { printResults, writeQuery } from './apply.ts';
import { Client } from './client.ts';
import type { DeleteCommand } from './command.ts';
import { complain, type ExitCode } from './outcome.ts';
import { itemPath } from './paths.ts';
import type { Terminal } from './terminal.ts';

/** `weir delete KIND NAME`. */
export async function remove(command: DeleteCommand, terminal: Terminal): Promise<ExitCode> {
  const { kindPath, name, tenant } = command;
  try {
    const answer = await new Client(command.connection).call<WriteResult | { readonly revision: number }>({
      method: 'DELETE',
      path: itemPath(kindPath, tenant, name),
      query: writeQuery(command),
    });
    if (command.json) terminal.print(JSON.stringify(answer));
    // A VM's deletion answers as a hook does.
    else if ('results' in answer) printResults(answer, terminal);
    else
      printResults(
        { revision: answer.revision, results: [{ kind: kindPath.kind, ...(tenant !== undefined && { tenant }), name, action: 'deleted' }] },
        terminal,
      );
    return 0;
  } catch (thrown) {
    return complain(thrown, terminal);
  }
}
