import { fail } from '../../api/errors.js';
import { editDistance } from '../../api/nearest.js';
import { byCodeUnit } from '../../common/hash.js';
import type { Site } from './sites.js';

/** Which modules get an adapter, as `spec.method.lora` says it. */
export interface Targets {
  /** All linears but the output layer; names or endings; or a regex over the whole name. */
  readonly targetModules: 'all-linear' | readonly string[] | { readonly regex: string };
  readonly excludeModules: readonly string[];
  readonly layersToTransform?: readonly number[] | undefined;
}

/**
 * The wrapped modules in code-unit order of their paths. A name matches as in PEFT: it equals the path or ends it after a
 * dot; a regex matches the whole path. Unlike PEFT, a name that matches nothing is refused even when others match.
 */
export function chooseSites(sites: readonly Site[], targets: Targets): readonly Site[] {
  const { targetModules, excludeModules, layersToTransform } = targets;
  refuseUnknownLayers(sites, layersToTransform);
  refuseUnmatched(sites, excludeModules);
  if (Array.isArray(targetModules)) refuseUnmatched(sites, targetModules);
  const wanted = matcher(targetModules);
  const matched = sites.filter(wanted);
  if (matched.length === 0) failUnmatched(sites, patternsOf(targetModules));
  const chosen = matched
    .filter((site) => !excludeModules.some((name) => named(site, name)))
    .filter(
      (site) => layersToTransform === undefined || (site.layer !== null && layersToTransform.includes(site.layer)),
    );
  if (chosen.length === 0) fail('TargetsEmpty', { matched: matched.map((site) => site.path) });
  const output = chosen.find((site) => site.layer === null);
  if (output) fail('TargetUnsupported', { module: output.path });
  return [...chosen].sort((a, b) => byCodeUnit(a.path, b.path));
}

const named = (site: Site, name: string): boolean => site.path === name || site.path.endsWith(`.${name}`);

function matcher(targetModules: Targets['targetModules']): (site: Site) => boolean {
  if (targetModules === 'all-linear') return (site) => site.layer !== null;
  if ('regex' in targetModules) {
    const whole = wholeMatch(targetModules.regex);
    return (site) => whole.test(site.path);
  }
  return (site) => targetModules.some((name) => named(site, name));
}

function wholeMatch(pattern: string): RegExp {
  try {
    return new RegExp(`^(?:${pattern})$`, 'u');
  } catch (cause) {
    return fail('TargetRegexInvalid', { pattern, reason: (cause as Error).message }, { cause });
  }
}

const patternsOf = (targetModules: Targets['targetModules']): readonly string[] =>
  typeof targetModules === 'string'
    ? [targetModules]
    : 'regex' in targetModules
      ? [targetModules.regex]
      : targetModules;

function refuseUnmatched(sites: readonly Site[], names: readonly string[]): void {
  const unmatched = names.filter((name) => !sites.some((site) => named(site, name)));
  if (unmatched.length > 0) failUnmatched(sites, unmatched);
}

function refuseUnknownLayers(sites: readonly Site[], wanted: readonly number[] | undefined): void {
  const layers = new Set(sites.map((site) => site.layer));
  const unknown = (wanted ?? []).filter((layer) => !layers.has(layer));
  if (unknown.length > 0)
    fail('LayersUnknown', { layers: unknown, last: Math.max(...sites.map((site) => site.layer ?? -1)) });
}

function failUnmatched(sites: readonly Site[], patterns: readonly string[]): never {
  const usable = sites.filter(({ layer }) => layer !== null);
  const endings = [...new Set(usable.map((site) => site.path.slice(site.path.lastIndexOf('.') + 1)))];
  const last = (pattern: string) => pattern.slice(pattern.lastIndexOf('.') + 1);
  const distance = (ending: string) => Math.min(...patterns.map((pattern) => editDistance(ending, last(pattern))));
  const nearest = endings
    .map((ending) => ({ ending, distance: distance(ending) }))
    .sort((a, b) => a.distance - b.distance || byCodeUnit(a.ending, b.ending))
    .slice(0, 3)
    .map(({ ending }) => ending);
  return fail('TargetsUnmatched', { patterns, nearest });
}
