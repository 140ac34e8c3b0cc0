import { Reconciler } from '../../../flows/reconcile/index.ts';
import type { Step } from '../../../flows/reconcile/index.ts';
import type { Flow, Meter } from '../../../flows/model/index.ts';

/** Of one bundle, at most. */
const batchFlows = 10;

/** What is wanted, and what the switch has at first. */
export function attached(wanted: readonly Flow[], installed: readonly Flow[], meters: readonly Meter[] = []): Reconciler {
  const reconciler = new Reconciler(batchFlows);
  reconciler.setDesired({ put: wanted }, 1);
  reconciler.beginFlows();
  for (const flow of installed) reconciler.listFlow(flow);
  reconciler.endFlows();
  reconciler.listGroups([]);
  reconciler.listMeters(meters);
  return reconciler;
}

/** All steps that are due, each committed. */
export function drain(reconciler: Reconciler, nowMs: number): Step[] {
  const steps: Step[] = [];
  for (let step = reconciler.next(nowMs); step; step = reconciler.next(nowMs)) {
    steps.push(step);
    reconciler.committed(step, nowMs);
  }
  return steps;
}
