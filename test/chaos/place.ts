import type { Timeline } from './timeline.js';

/** Where a run keeps its checkpoints and its artifact. */
export type Storage = 'folder' | 'disks' | 's3';

/** One kind of fault and one case of it. */
export interface FaultName {
  readonly kind: string;
  readonly name: string;
}

export const nameOf = ({ kind, name }: FaultName): string => `${kind}: ${name}`;

/** What a plan knows of a case. */
export interface FaultTraits {
  /** What it needs; absent = any. */
  readonly storage?: Storage;
  /** Needs so many workers, so that one is left. */
  readonly workers?: number;
  /** Comes before all others of its run. */
  readonly first?: true;
  /** It hits the publication: no other fault can follow it in its run. */
  readonly last?: true;
  /** Takes so long that few steps may be left after it: comes late in its run. */
  readonly lasting?: true;
  /** Workers that it costs at most, where a place can make up for so many only. */
  readonly losses?: number;
  /** How often it stands in the deck from which faults are drawn; 1 unless told. */
  readonly weight?: number;
}

/** What every fault gets, wherever it strikes. */
export interface Blow {
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** To be called right after a blow has fallen: everything told until now was before it. Of several blows the last is judged. */
  readonly struck: () => void;
}

/** What was done, when it is over. */
export interface Inflicted {
  readonly what: string;
  /** Nobody who held the state was left: training went on from a checkpoint. */
  readonly allDied?: boolean;
}

export interface FaultCase<Scene> extends FaultTraits {
  /** Undefined when there was nothing to hit: it does not count. */
  readonly inflict: (scene: Scene) => Promise<Inflicted | undefined>;
}

/** Cases by kind. */
export type FaultTable<Scene> = Readonly<Record<string, Readonly<Record<string, FaultCase<Scene>>>>>;

export interface Catalogue<Case extends FaultTraits = FaultTraits> {
  readonly all: readonly FaultName[];
  readonly of: (fault: FaultName) => Case;
}

export const catalogueOf = <Scene>(table: FaultTable<Scene>): Catalogue<FaultCase<Scene>> => ({
  all: Object.entries(table).flatMap(([kind, cases]) => Object.keys(cases).map((name) => ({ kind, name }))),
  of: (fault) => {
    const found = table[fault.kind]?.[fault.name];
    if (found === undefined) throw new Error(`there is no fault ${nameOf(fault)}`);
    return found;
  },
});

/** What a plan must know of a place. */
export interface Ground {
  readonly faults: Catalogue;
  /** Runs take them in turn. */
  readonly storages: readonly Storage[];
  /** Fewest and most of a run. */
  readonly workers: readonly [number, number];
  /** Of the job. */
  readonly steps: number;
  /** At least so many steps lie between two faults. */
  readonly stepsApart: number;
  /** Of workers, in one run; absent = any number. */
  readonly mostLosses?: number;
}

/** One fault of a run: when, by training position and a delay after it. */
export interface PlannedFault extends FaultName {
  readonly afterStep: number;
  readonly delayMs: number;
}

export interface RunPlan {
  readonly name: string;
  readonly workers: number;
  readonly storage: Storage;
  readonly faults: readonly PlannedFault[];
  readonly random: () => number;
}

/** Where runs take place: processes of this machine, or pods of a cluster. */
export interface Place extends Ground, AsyncDisposable {
  /** Steps between two checkpoints. */
  readonly everySteps: number;
  /** A run that takes longer has failed. */
  readonly mostMs: number;
  /** What cannot be done here, and why. */
  readonly leftOut: readonly string[];
  /** The same job without any fault: what every adapter must be. */
  undisturbed(): Promise<Ending>;
  /** Starts a training for as long as the work goes on with it; nothing of it is left then. */
  during<T>(run: RunPlan, work: (training: Training) => Promise<T>): Promise<T>;
}

/** What a training left behind. */
export interface Ending {
  /** `finished`, or what came instead. */
  readonly ended: string;
  /** Of the bytes that lie where they were published. */
  readonly sha256: string | undefined;
  /** What was lost or doubled on the way. */
  readonly amiss: readonly string[];
  /** What workers said about their ends. */
  readonly errors: readonly string[];
}

/** One training that goes on. */
export interface Training {
  readonly timeline: Timeline;
  /** Undefined while it has not. */
  readonly ended: string | undefined;
  /** How often its workers were started as a whole. */
  readonly launches: number;
  /** Takes in what was said since the last look. */
  look(): void;
  /** What the last fault left behind has been made up for, as far as this one needs. */
  isReadyFor(fault: FaultName): boolean;
  inflict(fault: FaultName, blow: Blow): Promise<Inflicted | undefined>;
  /** Looks at what is there when it has ended, or has taken too long. */
  settle(): Promise<Omit<Ending, 'ended'>>;
}
