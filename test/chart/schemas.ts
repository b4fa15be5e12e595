import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { crd } from '../../api/generate/crd.js';
import { run } from '../cluster/command.js';

interface Schema {
  readonly [key: string]: unknown;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: unknown;
  readonly 'x-kubernetes-group-version-kind'?: readonly { group: string; version: string; kind: string }[];
}

/**
 * Schemas for kubeconform, from the OpenAPI document in the sources of this Kubernetes version (a Go module), because it
 * would fetch them from the network. Unknown fields are errors. Answers with the folder.
 */
export async function kubernetesSchemas(cache: string, version: string): Promise<string> {
  const folder = join(cache, `schemas-${version}`);
  if (existsSync(join(folder, 'deployment-apps-v1.json'))) return folder;
  const { definitions } = JSON.parse(await readFile(await openApiOf(version), 'utf8')) as {
    definitions: Record<string, Schema>;
  };
  await mkdir(folder, { recursive: true });
  const strict = Object.fromEntries(Object.entries(definitions).map(([name, schema]) => [name, strictly(schema)]));
  for (const schema of Object.values(strict)) {
    for (const { group, version: of, kind } of schema['x-kubernetes-group-version-kind'] ?? []) {
      const file = [kind.toLowerCase(), ...(group === '' ? [] : [group.split('.')[0]]), of].join('-');
      await writeFile(join(folder, `${file}.json`), JSON.stringify(reached(schema, strict)));
    }
  }
  return folder;
}

/** The schema with every definition that it reaches: each file stands alone. */
function reached(schema: Schema, all: Readonly<Record<string, Schema>>): Schema {
  const definitions: Record<string, Schema> = {};
  const walk = (node: unknown): void => {
    for (const [, name] of JSON.stringify(node).matchAll(/"#\/definitions\/([^"]+)"/g)) {
      if (name! in definitions) continue;
      definitions[name!] = all[name!]!;
      walk(all[name!]);
    }
  };
  walk(schema);
  return { ...schema, definitions };
}

/** An object that names its fields has no others; a number or a name is either. */
function strictly(schema: Schema): Schema {
  if (schema.format === 'int-or-string') return { anyOf: [{ type: 'integer' }, { type: 'string' }] };
  return schema.properties && schema.additionalProperties === undefined
    ? { ...schema, additionalProperties: false }
    : schema;
}

async function openApiOf(version: string): Promise<string> {
  const found = await run('go', ['mod', 'download', '-json', `k8s.io/kubernetes@${version}`]);
  const { Dir } = JSON.parse(found) as { Dir: string };
  return join(Dir, 'api', 'openapi-spec', 'swagger.json');
}

/** Our own kind as kubeconform names it, from the CRD. */
export async function writeJobSchema(folder: string): Promise<void> {
  const { spec } = crd() as { spec: { versions: { schema: { openAPIV3Schema: object } }[] } };
  await writeFile(
    join(folder, 'finetunejob-espalier-v1alpha1.json'),
    JSON.stringify(spec.versions[0]!.schema.openAPIV3Schema),
  );
}
