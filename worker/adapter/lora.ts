import { normal, uniform } from '../train/philox.js';
import { type AdapterMethod, dropoutInput } from './method.js';
import type { Site } from './sites.js';
import { chooseSites } from './targets.js';

/** Hu et al., "LoRA: low-rank adaptation of large language models" (2021): y = W x + s B A x, A [r, in], B [out, r]. */
export const lora: AdapterMethod<'lora'> = {
  resolve(settings, sites, seed) {
    const { rank, alpha, rsLora, dropout, init } = settings;
    return {
      name: 'lora',
      rank,
      scale: rsLora ? alpha / Math.sqrt(rank) : alpha / rank,
      alpha,
      rsLora,
      dropout,
      modules: chooseSites(sites, settings).map((site) => site.path),
      init: { type: init, seed },
    };
  },

  parameters: (site, { rank }) => ({ lora_A: [rank, site.in], lora_B: [site.out, rank] }),

  initialise(site, parameter, { rank, init }, stream) {
    if (parameter === 'lora_B') return new Float32Array(site.out * rank);
    // kaiming_uniform with a = sqrt 5: the bound is sqrt(6 / ((1 + a^2) in)) = 1 / sqrt(in).
    return init.type === 'kaiming'
      ? uniform(rank * site.in, 1 / Math.sqrt(site.in), init.seed, stream)
      : normal(rank * site.in, 1 / rank, init.seed, stream);
  },

  inject(b, site, x, base, { lora_A, lora_B }, { scale, dropout }) {
    const dropped = dropout > 0 ? b.mul(x, b.input(dropoutInput(site.path), 'float32', x.shape)) : x;
    const down = b.gemm(dropped, lora_A!, null, { transB: true });
    return b.gemm(down, lora_B!, base, { transB: true, alpha: scale });
  },

  delta(site, { lora_A, lora_B }, { rank, scale }) {
    const change = new Float32Array(site.out * site.in);
    const row = new Float64Array(site.in);
    for (let out = 0; out < site.out; out++) {
      row.fill(0);
      for (let r = 0; r < rank; r++) {
        const weight = scale * lora_B![out * rank + r]!;
        for (let column = 0; column < site.in; column++) row[column]! += weight * lora_A![r * site.in + column]!;
      }
      change.set(row, out * site.in);
    }
    return change;
  },

  peft: {
    key: (site, parameter) => `base_model.model.${site.path}.${parameter}.weight`,
    config: (method, sites) => ({
      peft_type: 'LORA',
      r: method.rank,
      lora_alpha: method.alpha,
      lora_dropout: method.dropout,
      use_rslora: method.rsLora,
      use_dora: false,
      bias: 'none',
      fan_in_fan_out: false,
      init_lora_weights: method.init.type === 'gaussian' ? 'gaussian' : true,
      target_modules: shortestNames(method.modules, sites),
    }),
  },
};

/** Last parts of the module names when those name exactly these modules, else the whole paths. */
function shortestNames(modules: readonly string[], sites: readonly Site[]): readonly string[] {
  const endings = [...new Set(modules.map((path) => path.slice(path.lastIndexOf('.') + 1)))].sort();
  const reached = chooseSites(sites, { targetModules: endings, excludeModules: [] });
  return reached.length === modules.length ? endings : modules;
}
