import type { MethodName } from '../../api/methods/index.js';
import { lora } from './lora.js';
import type { AdapterMethod } from './method.js';

/** The one registry: a method of the schema without an entry does not compile. */
export const methods = { lora } satisfies { readonly [Name in MethodName]: AdapterMethod<Name> };
