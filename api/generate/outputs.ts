import { chartReadme, valuesSchema } from './chart.js';
import { crdTemplate } from './crd.js';
import { errorsPage } from './errorsPage.js';
import { referencePage } from './reference.js';

/** Every generated file that is committed: path from the package's root -> content. */
export const outputs = (): ReadonlyMap<string, string> =>
  new Map([
    ['charts/espalier/templates/crd/finetunejob.yaml', crdTemplate()],
    ['charts/espalier/values.schema.json', valuesSchema()],
    ['charts/espalier/README.md', chartReadme()],
    ['docs/reference/finetunejob.md', referencePage()],
    ['docs/errors.md', errorsPage()],
  ]);
