// Writes the base that `helm test` trains: three small layers of seeded weights with a real tokenizer, one megabyte in all.
// Runs inside the image build, after `tsc`. Usage: node images/sample-base.mjs FOLDER
import { writeTinyBase } from '../dist/test/support/tinyBase.js';

await writeTinyBase(process.argv[2]);
