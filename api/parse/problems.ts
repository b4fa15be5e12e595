import type { z } from 'zod';
import { list } from '../errors/entry.js';
import { type Path, type SchemaNode, schemaAt } from '../jsonSchema.js';
import { nearest } from '../nearest.js';
import { flow, type PathPart, type Problem, renderPath } from '../problem.js';
import { reader } from '../rule.js';
import { example, expectation, suggestion } from './expectation.js';
import type { JobDocument } from './jobDocument.js';

/** The words for what the schema found wrong. Each issue gives one problem; unknown keys give one each. */
export function problemsOf(issue: z.core.$ZodIssue, root: SchemaNode, document: JobDocument): Problem[] {
  const path = issue.path.map((part) => (typeof part === 'number' ? part : String(part)));
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => unknownField([...path, key], root, document));
  }
  if (issue.code === 'invalid_union') return unionProblems(issue, path, root, document);
  const value = reader(document.value).value(...path);
  const node = schemaAt(root, path) ?? {};
  const field = String(path.at(-1) ?? '');
  if (value === undefined) return [missing(path, node, document)];

  const common = { path: renderPath(path), ...document.locate(path), value: flow(value) };
  if (value === null) {
    const required = schemaAt(root, path.slice(0, -1))?.required?.includes(field);
    const instead = `write ${flow(example(node))}${required ? '' : ' or leave the field out'}`;
    return [{ ...common, value: null, what: `has no value, it takes ${expectation(node)}`, instead }];
  }
  if (issue.code === 'too_small' && Array.isArray(value)) {
    return [
      {
        ...common,
        what: `has too few entries, at least ${issue.minimum} needed`,
        instead: suggestion(node, undefined, field),
      },
    ];
  }
  if (issue.code === 'too_big' && Array.isArray(value)) {
    const instead = `keep the first ${issue.maximum}`;
    return [{ ...common, what: `has ${value.length} entries, at most ${issue.maximum} are allowed`, instead }];
  }
  if (issue.code === 'too_big' && typeof value === 'string') {
    const instead = `shorten it to ${issue.maximum}`;
    return [{ ...common, what: `has ${value.length} characters, at most ${issue.maximum} are allowed`, instead }];
  }
  if (issue.code === 'custom') {
    return [{ ...common, what: `has ${issue.message}`, instead: 'remove some' }];
  }
  return [{ ...common, what: `is not ${expectation(node)}`, instead: suggestion(node, value, field) }];
}

/** A union whose arms have different types: the arm of the value's own type speaks, else the union as a whole. */
function unionProblems(
  issue: z.core.$ZodIssueInvalidUnion,
  path: readonly PathPart[],
  root: SchemaNode,
  document: JobDocument,
): Problem[] {
  const own = issue.errors.find((arm) =>
    arm.every(({ code, path }) => path.length > 0 || (code !== 'invalid_type' && code !== 'invalid_value')),
  );
  if (own) return own.flatMap((inner) => problemsOf({ ...inner, path: [...path, ...inner.path] }, root, document));
  const value = reader(document.value).value(...path);
  const node = schemaAt(root, path) ?? {};
  const common = { path: renderPath(path), ...document.locate(path), value: flow(value) };
  return [{ ...common, what: `is not ${expectation(node)}`, instead: suggestUnion(node, value) }];
}

function suggestUnion(node: SchemaNode, value: unknown): string {
  if (typeof value !== 'string') return `write ${flow(example(node))}`;
  const constants = (node.anyOf ?? []).flatMap((arm) => (typeof arm.const === 'string' ? [arm.const] : []));
  const meant = nearest(value, constants)[0];
  if (meant !== undefined) return `write ${meant}`;
  return node.anyOf?.some((arm) => arm.type === 'array') ? `write ${flow([value])}` : `write ${flow(example(node))}`;
}

function missing(path: readonly PathPart[], node: SchemaNode, document: JobDocument): Problem {
  const name = String(path.at(-1));
  const place = document.locate(path.slice(0, -1), 'key');
  const sample = flow(example(node), 120);
  return { path: renderPath(path), ...place, value: null, what: 'is missing', instead: `add ${name}: ${sample}` };
}

function unknownField(path: readonly PathPart[], root: SchemaNode, document: JobDocument): Problem {
  const name = String(path.at(-1));
  const parent = schemaAt(root, path.slice(0, -1)) ?? {};
  const place = document.locate(path, 'key');
  return { path: renderPath(path), ...place, value: null, what: 'is no field', instead: insteadOf(name, parent, root) };
}

function insteadOf(name: string, parent: SchemaNode, root: SchemaNode): string {
  const objects = [parent, ...(parent.anyOf ?? [])];
  const siblings = Object.assign({}, ...objects.map((object) => object.properties ?? {})) as Record<string, SchemaNode>;
  const renamed = Object.entries(siblings).find(([, node]) => node.aliases?.includes(name))?.[0];
  if (renamed !== undefined) return `write ${renamed}`;
  const [meant] = nearest(name, Object.keys(siblings));
  if (meant !== undefined) return `did you mean ${meant}?`;
  const elsewhere = pathsTo(name, root);
  if (elsewhere.length > 0) return `it belongs at ${elsewhere.slice(0, 2).map(renderPath).join(' or ')}`;
  return Object.keys(siblings).length === 0 ? 'remove it' : `the fields here are ${list(Object.keys(siblings), 20)}`;
}

/** Where in the manifest a field of this name (or alias) stands. */
function pathsTo(name: string, node: SchemaNode, path: Path = []): Path[] {
  const found: Path[] = [];
  for (const [key, child] of Object.entries(node.properties ?? {})) {
    if (path.length === 0 && key !== 'spec') continue;
    const here = [...path, key];
    if (key === name || child.aliases?.includes(name)) found.push(here);
    found.push(...pathsTo(name, child, here));
  }
  if (node.items) found.push(...pathsTo(name, node.items, [...path, 0]));
  return found;
}
