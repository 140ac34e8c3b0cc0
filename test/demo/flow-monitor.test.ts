import { expect, test } from 'vitest';
import { flowEvents } from '../../src/demo/flow-monitor.ts';

test('each change of a flow is heard, and so is a monitor that could not listen', () => {
  const said = [
    'NXST_FLOW_MONITOR reply (xid=0x0):',
    ' event=ADDED table=3 cookie=0 priority=5',
    ' event=DELETED reason=delete table=3 cookie=0 priority=5',
    'OFPST_FLOW_MONITOR reply (OF1.4) (xid=0x0):',
    ' event=ABBREV xid=0x5',
    'ovs-ofctl: br-int is not a bridge or a socket',
  ].join('\n');
  expect(flowEvents(said)).toHaveLength(4);
  expect(flowEvents('')).toEqual([]);
  expect(flowEvents('OFPT_ECHO_REQUEST (xid=0x0): 0 bytes of payload\n')).toEqual([]);
});
