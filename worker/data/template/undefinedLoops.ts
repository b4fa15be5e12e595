import { parse, tokenize } from '@huggingface/jinja';

type Program = ReturnType<typeof parse>;
type Node = Record<string, unknown> & { readonly type: string };

/**
 * In Jinja a loop over an undefined value runs zero times; the JavaScript library throws. Chat templates rely on it
 * (`for call in message.tool_calls`), so each loop's iterable becomes `iterable | default([])`.
 */
export function allowUndefinedLoops(program: Program): Program {
  visit(program as unknown as Node);
  return program;
}

function visit(node: unknown): void {
  if (Array.isArray(node)) {
    for (const item of node) visit(item);
    return;
  }
  if (!isNode(node)) return;
  for (const child of Object.values(node)) visit(child);
  if (node.type !== 'For') return;
  const filtered = node.iterable as Node;
  if (filtered.type === 'SelectExpression') filtered.lhs = withDefault(filtered.lhs);
  else node.iterable = withDefault(filtered);
}

const isNode = (value: unknown): value is Node => typeof value === 'object' && value !== null && 'type' in value;

function withDefault(operand: unknown): unknown {
  const wrapped = parse(tokenize('{{ operand | default([]) }}')).body[0] as unknown as Node;
  wrapped.operand = operand;
  return wrapped;
}
