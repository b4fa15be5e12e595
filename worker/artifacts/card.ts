import { stringify } from 'yaml';
import type { Change, DataSummary, RunRecord } from './record.js';

export interface CardFiles {
  /** Folder names relative to the card, absent where not exported. */
  readonly serving: boolean;
  readonly merged: boolean;
}

/** README.md: what was trained, on what, how, what it did to the base, and one command per server. */
export function modelCard(record: RunRecord, files: CardFiles): string {
  const sections = [
    frontMatter(record),
    `# ${record.job.name}`,
    introduction(record),
    '## Use',
    use(record, files),
    '## What training changed',
    results(record),
    '## Data',
    data(record),
    '## Method',
    method(record),
    '## Cost',
    cost(record),
    '## Identity',
    identity(record),
  ];
  return `${sections.join('\n\n')}\n`;
}

function frontMatter({ base }: RunRecord): string {
  const fields = {
    base_model: base.nameOrPath,
    library_name: 'peft',
    ...(base.license !== null && { license: base.license }),
    pipeline_tag: 'text-generation',
    tags: ['lora', 'espalier'],
  };
  return `---\n${stringify(fields)}---`;
}

function introduction({ base, trainableParameters, method: { rank } }: RunRecord): string {
  const share = ((100 * trainableParameters) / base.parameters).toFixed(2);
  const stored = isFloat(base.storedAs)
    ? ''
    : `\n\nTrained on ${base.storedAs} weights dequantised to float32: with other weights of the same model the results differ a little.`;
  return `LoRA adapter (rank ${rank}, ${count(trainableParameters)} parameters, ${share} % of the base) for \`${base.nameOrPath}\`, trained with Espalier.${stored}`;
}

const isFloat = (storedAs: string) => ['F32', 'F16', 'BF16', 'F64'].includes(storedAs);

function use({ base, omitted }: RunRecord, { serving, merged }: CardFiles): string {
  const blocks = [
    'PEFT:',
    fenced(
      'python',
      `from peft import PeftModel\nfrom transformers import AutoModelForCausalLM\nmodel = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(${JSON.stringify(base.nameOrPath)}), "FOLDER_OF_THIS_FILE")`,
    ),
  ];
  if (serving)
    blocks.push(
      'vLLM (the copy in `serving/`: one rank that vLLM has kernels for, scale folded into B):',
      fenced(
        'sh',
        `vllm serve ${shell(base.nameOrPath)} --enable-lora --max-lora-rank 512 --lora-modules adapter=serving`,
      ),
    );
  blocks.push('llama.cpp:', fenced('sh', 'llama-cli -m BASE.gguf --lora adapter.gguf'));
  if (merged) blocks.push('The base with the adapter merged in is a complete Hugging Face folder in `merged/`.');
  for (const { what, why } of omitted) blocks.push(`Left out: ${what}, because ${why}.`);
  return blocks.join('\n\n');
}

function results({ loss, evaluationLoss, generalLoss, recall }: RunRecord): string {
  const rows = [row('training loss, first and last step', { before: loss.first, after: loss.last }, fixed)];
  if (evaluationLoss) rows.push(row('loss on held-out data', evaluationLoss, fixed));
  if (generalLoss) rows.push(row(`loss on general text (${generalLoss.text})`, generalLoss, fixed));
  if (recall) rows.push(row(`recall of the key term, ${recall.questions} held-out questions`, recall, percent));
  const table = ['| | before | after |', '|---|---|---|', ...rows].join('\n');
  return `${table}\n\n${forgetting(generalLoss)} Losses are nats per supervised token.`;
}

function forgetting(generalLoss: RunRecord['generalLoss']): string {
  if (!generalLoss) return 'Forgetting was not measured.';
  const change = (100 * (generalLoss.after - generalLoss.before)) / generalLoss.before;
  if (change > 0.05)
    return `Forgetting: the adapted model is worse on general text, its loss there rose by ${change.toFixed(1)} %.`;
  if (change < -0.05) return `The loss on general text fell by ${(-change).toFixed(1)} %: no forgetting was seen.`;
  return 'The loss on general text did not change: no forgetting was seen.';
}

function data({ data: { training, evaluation, maxTokens, packing, supervise } }: RunRecord): string {
  const lines = [
    `- training: ${summary(training)}`,
    `- held out: ${evaluation ? summary(evaluation) : 'none'}`,
    `- at most ${count(maxTokens)} tokens a sequence, packing ${packing ? 'on' : 'off'}, supervised: ${supervise}`,
  ];
  return lines.join('\n');
}

function summary({ sources, rows, usedRows, dropped, tokens, supervisedTokens, truncatedRows }: DataSummary): string {
  const why = dropped.map(({ reason, rows: lost }) => `${count(lost)} ${reason}`).join(', ');
  const parts = [
    `${count(usedRows)} of ${count(rows)} rows${why && ` (left out: ${why})`}`,
    `${count(tokens)} tokens, ${count(supervisedTokens)} of them supervised`,
    ...(truncatedRows > 0 ? [`${count(truncatedRows)} rows cut`] : []),
    `from ${sources.map(({ source, sha256 }) => `\`${source}\` (sha256 ${sha256.slice(0, 12)})`).join(', ')}`,
  ];
  return parts.join('; ');
}

function method({ method: { modules, rsLora, scale }, hyperparameters, steps }: RunRecord): string {
  const rows = hyperparameters.map(
    ({ name, value, isDefault }) => `| \`${name}\` | ${value}${isDefault ? ' (default)' : ''} |`,
  );
  const names = [...new Set(modules.map((path) => path.slice(path.lastIndexOf('.') + 1)))].sort();
  return [
    `LoRA${rsLora ? ' with rsLoRA scaling' : ''}, scale ${scale}, on ${modules.length} modules (${names.join(', ')}); ${count(steps)} optimizer steps.`,
    ['| setting | value |', '|---|---|', ...rows].join('\n'),
  ].join('\n\n');
}

function cost({ cost: { seconds, trainedTokens, tokensPerSecond, peakRssBytes, workers, energy } }: RunRecord): string {
  const lines = [
    `- ${seconds.toFixed(0)} s of training on ${workers} worker${workers === 1 ? '' : 's'}, ${(peakRssBytes / 2 ** 30).toFixed(2)} GiB of memory at the peak`,
    `- ${count(trainedTokens)} tokens trained, ${tokensPerSecond.toFixed(0)} tokens/s`,
  ];
  if (energy) {
    const kilowattHours = (energy.joules / 3.6e6).toPrecision(2);
    lines.push(
      energy.method === 'estimate'
        ? `- energy: about ${kilowattHours} kWh (an estimate, not a measurement)`
        : `- energy: ${kilowattHours} kWh, measured by ${energy.method} over ${(100 * energy.coverage).toFixed(0)} % of the time`,
    );
  }
  return lines.join('\n');
}

function identity({ recipeHash, adapterSha256, base, numerics, espalier }: RunRecord): string {
  return [
    `- adapter_model.safetensors: sha256 \`${adapterSha256}\``,
    `- recipe: \`${recipeHash}\``,
    `- base: \`${base.source}\`, revision \`${base.revision}\`, weights sha256 \`${base.sha256}\``,
    `- numerics class: \`${numerics.class}\` (${numerics.device}, ${numerics.precision}); the same recipe in the same class gives the same bytes on any number of workers`,
    `- Espalier ${espalier.version}, numerics ${espalier.numericsVersion}`,
  ].join('\n');
}

const row = (name: string, { before, after }: Change, format: (value: number) => string): string =>
  `| ${name} | ${format(before)} | ${format(after)} |`;
const fixed = (value: number): string => value.toFixed(3);
const percent = (value: number): string => `${(100 * value).toFixed(0)} %`;
const count = (value: number): string => value.toLocaleString('en-US');
const fenced = (language: string, code: string): string => `\`\`\`${language}\n${code}\n\`\`\``;
const shell = (text: string): string => (/^[\w./:@-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);
