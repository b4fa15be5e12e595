import type { Effect } from './effect.js';
import type { ExchangeEvent, PieceKey } from './event.js';
import { type ExchangeState, piecesOf } from './state.js';
import { nodeName } from './tree.js';
import { membersOf } from './view.js';

/** One stable line per event and effect, for logs and transcripts; undefined for what comes all the time. */
export function describeEvent(state: ExchangeState, event: ExchangeEvent): string | undefined {
  switch (event.kind) {
    case 'tick':
    case 'status':
      return undefined;
    case 'target':
      return `train until step ${event.untilStep}`;
    case 'view':
      return `view ${event.view.number} = {${membersOf(event.view)}}`;
    case 'linkUp':
      return `reaches ${event.peer}`;
    case 'linkDown':
      return `cannot reach ${event.peer}`;
    case 'received':
      return `${describePiece(state, event.key)} from ${event.from}`;
    case 'sent':
      return `${describePiece(state, event.key)} ${event.outcome} by ${event.to}`;
    case 'fetchFailed':
      return `${describePiece(state, event.key)} not to be had from ${event.from}`;
    case 'computed':
      return `computed leaf ${event.leaf} of step ${event.step}`;
    case 'released':
      return `gave up leaf ${event.leaf} of step ${event.step}`;
    case 'applied':
      return `step ${event.step} committed`;
    case 'restored':
      return `took the state of step ${event.step}`;
    case 'restoreFailed':
      return `no state from ${event.from}`;
    case 'diverged':
      return `${describePiece(state, event.key)} has other bytes on ${event.from}`;
    case 'leave':
      return 'is asked to leave';
  }
}

export function describeEffect(state: ExchangeState, effect: Effect): string | undefined {
  switch (effect.kind) {
    case 'tell':
    case 'drop':
    case 'forget':
      return undefined;
    case 'add':
      return `add ${describePiece(state, { step: effect.step, shard: effect.shard, node: effect.into })}`;
    case 'compute':
      return `compute leaf ${effect.leaf} of step ${effect.step}`;
    case 'abandon':
      return `abandon leaf ${effect.leaf} of step ${effect.step}`;
    case 'send':
      return `send ${describePiece(state, effect.key)} to ${effect.to}`;
    case 'fetch':
      return `fetch ${describePiece(state, effect.key)} from ${effect.from}`;
    case 'restore':
      return `fetch the state from ${effect.from}`;
    case 'compare':
      return `compare ${describePiece(state, effect.key)} with ${effect.from}`;
    case 'apply':
      return `apply step ${effect.step}`;
    case 'ready':
      return `ask to be admitted at step ${effect.step}`;
    case 'finished':
    case 'left':
      return effect.kind;
    case 'fault':
      return `fault ${effect.fault.name} ${JSON.stringify(effect.fault.facts)}`;
  }
}

/** `step 3 [0,4)#1`: shard 1 of the sum over leaves 0 to 3; `step 3 reduced#1`: of all leaves. */
export function describePiece(state: ExchangeState, { step, shard, node }: PieceKey): string {
  if (step >= state.rules.steps) return `step ${step} node ${node}#${shard}`;
  const { tree } = piecesOf(state, step);
  if (!tree.nodes.has(node)) return `step ${step} unknown node ${node}#${shard}`;
  return `step ${step} ${node === tree.root ? 'reduced' : nodeName(tree, node)}#${shard}`;
}
