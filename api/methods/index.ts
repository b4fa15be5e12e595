import { z } from 'zod';
import { lora } from './lora.js';

/** The arms of `spec.method`. A new method is one file beside this one and one line here. */
export const methodArms = { lora } as const;

export type MethodName = keyof typeof methodArms;
export const methodNames = Object.keys(methodArms) as readonly MethodName[];

/** Exactly one member: the type says so, `api/rules.ts` checks it, CEL repeats it on the API server. */
export type Method = { [Name in MethodName]: Readonly<Record<Name, z.output<(typeof methodArms)[Name]>>> }[MethodName];

const optionalArms = Object.fromEntries(Object.entries(methodArms).map(([name, arm]) => [name, arm.optional()])) as {
  [Name in MethodName]: z.ZodOptional<(typeof methodArms)[Name]>;
};

export const method = z.strictObject(optionalArms).meta({
  description: 'How the base is adapted: exactly one member.',
  examples: [{ lora: { rank: 16 } }],
});
